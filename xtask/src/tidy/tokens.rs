//! Cuts Rust source into words, marks, literals and comments: enough to tell code from text, and no more.
//!
//! What the rules ask (is this `unsafe` code, where does this function end) needs brackets and literals only, so a parser
//! would be a dependency for nothing.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, keyword, number or lifetime.
    Word,
    /// A string or character literal, with its quotes.
    Text,
    /// One character of punctuation.
    Mark,
    /// With its slashes; documentation is a comment, too.
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    /// The lines that it stands on: a string may have many.
    pub(super) fn lines(&self) -> std::ops::RangeInclusive<usize> {
        self.line..=self.line + self.text.matches('\n').count()
    }
}

/// All tokens of a file, in order. Text that is no Rust gives tokens that make no sense, never a panic.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (kind, length) = if first.is_whitespace() { (None, first.len_utf8()) } else { next(rest, first) };
        let text = &rest[..length];
        tokens.extend(kind.map(|kind| Token { kind, text, line }));
        line += text.matches('\n').count();
        at += length;
    }
    tokens
}

/// The tokens that the compiler acts on.
pub(super) fn code<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    tokens.iter().copied().filter(|token| token.kind != Kind::Comment).collect()
}

/// Where the group ends that opens at `open`; the last token if it never does.
pub(super) fn close(code: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate().skip(open).filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    code.len().saturating_sub(1)
}

/// What stands between the brackets of each `#![...]` at the head of a file.
pub(super) fn inner_attributes<'c, 'a>(code: &'c [Token<'a>]) -> Vec<&'c [Token<'a>]> {
    let mut found = Vec::new();
    let mut at = 0;
    while code[at..].iter().take(3).map(|token| token.text).eq(["#", "!", "["]) {
        let end = close(code, at + 2);
        found.push(&code[at + 3..end.max(at + 3)]);
        at = end + 1;
    }
    found
}

/// The tokens side by side without space, to compare with a text.
pub(super) fn joined(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(|token| token.text).collect()
}

fn next(rest: &str, first: char) -> (Option<Kind>, usize) {
    if rest.starts_with("//") {
        return (Some(Kind::Comment), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), block_comment(rest));
    }
    if let Some(length) = literal(rest) {
        return (Some(Kind::Text), length);
    }
    if first == '\'' || is_word(first) {
        // A raw name is one word, so that `r#unsafe` is no keyword.
        let skip = if rest.starts_with("r#") { 2 } else { first.len_utf8() };
        let end = rest[skip..].find(|c| !is_word(c)).map_or(rest.len(), |end| end + skip);
        return (Some(Kind::Word), end);
    }
    (Some(Kind::Mark), first.len_utf8())
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of the string or character that `rest` begins with, if it does.
fn literal(rest: &str) -> Option<usize> {
    let prefix =
        ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| rest.starts_with(prefix)).unwrap_or("");
    let body = &rest[prefix.len()..];
    let length = match body.chars().next()? {
        '"' if !prefix.ends_with('r') => quoted(body, '"')?,
        '"' | '#' if prefix.ends_with('r') => raw(body)?,
        '\'' if matches!(prefix, "" | "b") => character(body)?,
        _ => return None,
    };
    Some(prefix.len() + length)
}

/// `body` begins with the quote; a backslash takes the meaning from what follows it.
fn quoted(body: &str, quote: char) -> Option<usize> {
    let mut chars = body.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    // A string that never ends takes the rest of the file; the compiler will say so.
    (quote == '"').then_some(body.len())
}

/// `body` begins behind the `r`: hashes, then a quote, else it is a raw name.
fn raw(body: &str) -> Option<usize> {
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &body[..hashes]);
    Some(inside.find(&end).map_or(body.len(), |at| hashes + 1 + at + end.len()))
}

/// A character, or nothing: `'a` without a second quote is a lifetime.
fn character(body: &str) -> Option<usize> {
    let mut inside = body[1..].chars();
    match inside.next()? {
        '\\' => quoted(body, '\''),
        c => (inside.next() == Some('\'')).then(|| c.len_utf8() + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
    }

    #[test]
    fn words_in_comments_and_literals_are_no_code() {
        for source in [
            "a // unsafe\nb",
            "a /// unsafe\nb",
            "a /* unsafe /* unsafe */ unsafe */ b",
            r#"a "unsafe" b"#,
            r#"a "\"unsafe" b"#,
            r#"a b"unsafe\\" b"#,
            r###"a r#"un"safe" unsafe"# b"###,
            r#"a br"unsafe\" b"#,
            r#"a c"unsafe" b"#,
            "a '\"' b",
            r"a '\'' b",
            r"a b'\\' b",
            "a '\u{fc}' b",
        ] {
            assert_eq!(words(source), ["a", "b"], "{source}");
        }
    }

    #[test]
    fn lifetimes_raw_names_and_prefixes_alone_are_words() {
        assert_eq!(words("fn f<'a>(b: &'a r#unsafe) -> c"), ["fn", "f", "'a", "b", "'a", "r#unsafe", "c"]);
        assert_eq!(words("'_' '_ 'static"), ["'_", "'static"]);
    }

    #[test]
    fn lines_are_counted_inside_of_literals_and_comments() {
        let source = "a\n\"x\ny\" b /*\n\n*/ c";
        let lines: Vec<_> = tokens(source).iter().map(|token| token.lines()).collect();
        assert_eq!(lines, [1..=1, 2..=3, 3..=3, 3..=5, 5..=5]);
    }

    #[test]
    fn text_that_is_no_rust_ends() {
        for source in ["\"", "'", "r#\"", "/*", "b'", "'\\", "}}", "#![", "#"] {
            let found = tokens(source);
            inner_attributes(&code(&found));
        }
    }

    #[test]
    fn inner_attributes_are_those_at_the_head() {
        let found = tokens("//! Docs.\n#![a]\n#![b(c = \"d\")]\n#[e]\nfn f() { #![g] }");
        let attributes: Vec<_> = inner_attributes(&code(&found)).into_iter().map(joined).collect();
        assert_eq!(attributes, ["a", "b(c=\"d\")"]);
    }
}
