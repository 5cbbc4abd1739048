//! `src/lib.rs` of a library is its table of contents: prose, `mod`, `pub use`, attributes, and no logic.
//!
//! The one exception is the empty struct that carries the README as a test.

use super::finding::Finding;
use super::tokens::{Token, close, code, joined};
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_root = |path: &str| tree.libraries().any(|package| package.path("src/lib.rs") == path);
    let roots = tree.rust().filter(|(path, _)| is_root(path));
    roots
        .flat_map(|(path, tokens)| strangers(&code(&tokens)).into_iter().map(move |what| finding(path, what)))
        .collect()
}

/// The line and the first word of each item that does not belong.
fn strangers<'a>(code: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut attributes = String::new();
    let mut at = 0;
    while at < code.len() {
        if let Some(end) = attribute_end(code, at) {
            attributes += &joined(&code[at..=end]);
            at = end + 1;
            continue;
        }
        let end = item_end(code, at);
        let item = without_visibility(&code[at..=end]);
        let belongs = match item {
            [first, _, last] if first.text == "mod" => last.text == ";",
            [first, _, last] if first.text == "struct" => {
                last.text == ";" && attributes.contains("#[cfg(doctest)]")
            }
            [first, ..] if first.text == "use" => code[at].text == "pub",
            _ => false,
        };
        if !belongs {
            found.push((code[at].line, item.first().map_or("", |token| token.text)));
        }
        attributes.clear();
        at = end + 1;
    }
    found
}

fn attribute_end(code: &[Token<'_>], at: usize) -> Option<usize> {
    let text = |at: usize| code.get(at).map(|token| token.text);
    let open = at + 1 + usize::from(text(at + 1) == Some("!"));
    (text(at) == Some("#") && text(open) == Some("[")).then(|| close(code, open))
}

/// An item ends with a semicolon or with its body.
fn item_end(code: &[Token<'_>], start: usize) -> usize {
    let is_use = without_visibility(&code[start..]).first().is_some_and(|token| token.text == "use");
    let mut at = start;
    while at < code.len() {
        match code[at].text {
            ";" => return at,
            // The braces of `pub use a::{b, c};` are no body.
            "{" if !is_use => return close(code, at),
            "(" | "[" | "{" => at = close(code, at) + 1,
            _ => at += 1,
        }
    }
    code.len() - 1
}

fn without_visibility<'c, 'a>(item: &'c [Token<'a>]) -> &'c [Token<'a>] {
    match item {
        [first, open, ..] if first.text == "pub" && open.text == "(" => &item[close(item, 1) + 1..],
        [first, rest @ ..] if first.text == "pub" => rest,
        _ => item,
    }
}

fn finding(path: &str, (line, word): (usize, &str)) -> Finding {
    let what = format!(
        "`{word}` begins an item that does not belong in lib.rs, which holds prose, `mod name;`, `pub use` and attributes. \
         Move it to the file of its concept."
    );
    Finding::new(path, line, what)
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;
    use serde_json::json;

    fn check_lib(source: &str) -> Vec<Finding> {
        check(&fixture(&[("pipe-a", json!({}))], &[("crates/pipe-a/src/lib.rs", source)]))
    }

    #[test]
    fn each_kind_of_logic_is_found() {
        for (source, word) in [
            ("fn f() {}", "fn"),
            ("pub fn f() -> [u8; 2] { [0; 2] }", "fn"),
            ("impl A { fn f() {} }", "impl"),
            ("pub trait A { fn f(); }", "trait"),
            ("pub struct A;", "struct"),
            ("struct A { b: u8 }", "struct"),
            ("#[cfg(doctest)] struct A { b: u8 }", "struct"),
            ("enum A { B }", "enum"),
            ("macro_rules! a { () => {}; }", "macro_rules"),
            ("a! { b }", "a"),
            ("pub const A: u8 = 1;", "const"),
            ("pub type A = u8;", "type"),
            ("use a::b;", "use"),
            ("mod a { pub fn f() {} }", "mod"),
        ] {
            let lib = format!("//! Docs.\n\nmod before;\n{source}\npub use before::A;\n");
            let findings = check_lib(&lib);
            assert_found(&findings, &[("crates/pipe-a/src/lib.rs:4", &format!("`{word}` begins"))]);
        }
    }

    #[test]
    fn a_table_of_contents_passes_and_other_files_are_free() {
        let lib = "//! Docs with fn and impl.\n#![forbid(unsafe_code)]\n#![cfg_attr(docsrs, feature(doc_cfg))]\n\
                   mod a;\n#[cfg(feature = \"x\")]\npub mod b;\npub(crate) mod c;\n\
                   pub use a::{A, d::{B, C}};\npub use b::*;\npub(crate) use c::C;\n\
                   #[doc = include_str!(\"../README.md\")]\n#[cfg(doctest)]\nstruct Readme;\n";
        assert_found(&check_lib(lib), &[]);
        let other = [("crates/pipe-a/src/a.rs", "fn f() {}"), ("docs/src/lib.rs", "fn f() {}")];
        assert_found(&check(&fixture(&[("pipe-a", json!({})), ("docs", json!({}))], &other)), &[]);
    }
}
