//! Files have at most 800 lines of code and functions at most 70: beyond that one looks twice, and writes down why it stays.
//!
//! Lines that hold comments alone or nothing do not count; explaining more is never punished. A comment
//! `// tidy: long, because ...` inside a long function, or outside of all functions for a long file, lets it pass. Such a
//! comment that is not needed any more is found as well.

use super::finding::Finding;
use super::tokens::{Kind, Token, close, code};
use super::tree::Tree;
use std::ops::RangeInclusive;

const FILE: usize = 800;
const FUNCTION: usize = 70;
const NOTE: &str = "// tidy: long, because ";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|(path, tokens)| check_file(path, &tokens)).collect()
}

fn check_file(path: &str, tokens: &[Token<'_>]) -> Vec<Finding> {
    let code = code(tokens);
    let mut lines: Vec<usize> = code.iter().flat_map(Token::lines).collect();
    lines.dedup();
    let functions = functions(&code);
    let mut notes: Vec<Note> = notes(tokens, &functions);
    let mut findings = Vec::new();
    if lines.len() > FILE && !spent(&mut notes, |note| note.function.is_none()) {
        findings.push(Finding::new(path, 1, too_long("This file", lines.len(), FILE)));
    }
    for (at, function) in functions.iter().enumerate() {
        let length = lines.iter().filter(|line| function.lines.contains(line)).count();
        if length > FUNCTION && !spent(&mut notes, |note| note.function == Some(at)) {
            let subject = format!("The function `{}`", function.name);
            findings.push(Finding::new(path, *function.lines.start(), too_long(&subject, length, FUNCTION)));
        }
    }
    let unspent = notes.iter().filter(|note| !note.is_spent);
    findings.extend(
        unspent.map(|note| Finding::new(path, note.line, "Nothing is long here. Remove this comment.")),
    );
    findings
}

fn too_long(subject: &str, length: usize, limit: usize) -> String {
    format!(
        "{subject} has {length} lines of code, the limit is {limit}. Split it, or say inside of it `{NOTE}...`."
    )
}

struct Function<'a> {
    name: &'a str,
    lines: RangeInclusive<usize>,
}

/// Every function with a body, also those inside of others, in the order in which they begin.
fn functions<'a>(code: &[Token<'a>]) -> Vec<Function<'a>> {
    let starts = code.windows(2).enumerate().filter(|(_, pair)| {
        pair[0].text == "fn" && pair[1].kind == Kind::Word // else it is a pointer type
    });
    let function = |(start, pair): (usize, &[Token<'a>])| {
        let end = close(code, body(code, start)?);
        Some(Function { name: pair[1].text, lines: pair[0].line..=*code[end].lines().end() })
    };
    starts.filter_map(function).collect()
}

/// The brace that opens the body; none for a function that a trait asks for.
fn body(code: &[Token<'_>], start: usize) -> Option<usize> {
    let mut at = start;
    while at < code.len() {
        match code[at].text {
            "{" => return Some(at),
            ";" => return None,
            "(" | "[" => at = close(code, at) + 1,
            _ => at += 1,
        }
    }
    None
}

/// A comment that says why something is long.
struct Note {
    line: usize,
    /// The innermost function around it; none: it speaks for the file.
    function: Option<usize>,
    is_spent: bool,
}

fn notes(tokens: &[Token<'_>], functions: &[Function<'_>]) -> Vec<Note> {
    let comments = tokens.iter().filter(|token| token.kind == Kind::Comment);
    let with_reason =
        comments.filter(|token| token.text.strip_prefix(NOTE).is_some_and(|why| !why.trim().is_empty()));
    let note = |token: &Token<'_>| Note {
        line: token.line,
        function: functions.iter().rposition(|function| function.lines.contains(&token.line)),
        is_spent: false,
    };
    with_reason.map(note).collect()
}

/// Whether there is a note that fits; it is marked as needed.
fn spent(notes: &mut [Note], fits: impl Fn(&Note) -> bool) -> bool {
    match notes.iter_mut().find(|note| fits(note)) {
        Some(note) => {
            note.is_spent = true;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tokens::tokens;
    use super::*;

    fn function(lines: usize, inside: &str) -> String {
        format!(
            "fn f<const N: usize>(a: [u8; 2]) -> u8\nwhere A: B,\n{{\n{inside}{}}}\n",
            "    a();\n".repeat(lines - 4)
        )
    }

    #[test]
    fn a_function_may_have_70_lines_of_code_and_any_number_of_others() {
        let found = |source: &str| check_file("a.rs", &tokens(source));
        assert_found(&found(&function(70, "")), &[]);
        assert_found(&found(&function(70, "    // why\n\n    /* more\n    why */\n")), &[]);
        assert_found(&found(&function(71, "")), &[("a.rs:1", "`f` has 71 lines of code, the limit is 70")]);
        let method = format!("impl A {{\n    fn g();\n    type F = fn();\n    {}}}\n", function(72, ""));
        assert_found(&found(&method), &[("a.rs:4", "`f` has 72")]);
        let text = format!("fn f() {{\n    a(\"{}\");\n}}\n", "\n".repeat(80));
        assert_found(&found(&text), &[("a.rs:1", "`f` has 83")]);
    }

    #[test]
    fn a_reason_inside_lets_it_pass_and_must_be_needed() {
        let found = |source: &str| check_file("a.rs", &tokens(source));
        let note = "    // tidy: long, because the protocol reads best in one piece\n";
        assert_found(&found(&function(90, note)), &[]);
        assert_found(&found(&function(20, note)), &[("a.rs:4", "Remove this comment")]);
        assert_found(&found(&function(90, "    // tidy: long, because \n")), &[("a.rs:1", "90 lines")]);
        let elsewhere = format!("{}{}", function(20, note), function(90, ""));
        assert_found(&found(&elsewhere), &[("a.rs:22", "90 lines"), ("a.rs:4", "Remove")]);
    }

    #[test]
    fn a_file_may_have_800_lines_of_code() {
        let found = |source: &str| check_file("a.rs", &tokens(source));
        let lines = |count: usize| "const A: u8 = 1;\n".repeat(count);
        assert_found(&found(&lines(800)), &[]);
        assert_found(&found(&lines(801)), &[("a.rs:1", "801 lines of code, the limit is 800")]);
        assert_found(&found(&format!("// tidy: long, because it is a table\n{}", lines(801))), &[]);
        assert_found(&found("// tidy: long, because it was\nfn f() {}"), &[("a.rs:1", "Remove")]);
    }
}
