//! Code fences of Markdown, and which of them are Rust programs by the rules of rustdoc.

/// A fenced block of code.
pub(crate) struct Fence<'a> {
    /// Of the opening fence, from 1.
    pub(crate) line: usize,
    /// What stands behind the opening fence: the language and its marks.
    info: &'a str,
    pub(crate) body: Vec<&'a str>,
}

/// What rustdoc takes for a mark of a Rust program; any other word makes it another language.
const MARKS: [&str; 7] =
    ["rust", "should_panic", "no_run", "compile_fail", "test_harness", "standalone_crate", "allow_fail"];

impl Fence<'_> {
    /// A fence without a language is Rust, as it is for rustdoc.
    pub(crate) fn is_rust(&self) -> bool {
        let is_mark = |mark: &str| {
            MARKS.contains(&mark)
                || mark.starts_with("ignore")
                || mark.starts_with("edition")
                || is_error_code(mark)
        };
        self.marks().any(|mark| mark == "rust") || self.marks().all(is_mark)
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.marks().any(|mark| mark.starts_with("ignore"))
    }

    fn marks(&self) -> impl Iterator<Item = &str> {
        self.info.split([',', ' ', '\t', '{', '}']).filter(|mark| !mark.is_empty())
    }
}

/// `E0502`, the error that a `compile_fail` program must give.
fn is_error_code(mark: &str) -> bool {
    mark.len() == 5 && mark.starts_with('E') && mark[1..].chars().all(|c| c.is_ascii_digit())
}

/// All fences of a page, in order. One that is never closed goes to the end, as Markdown has it.
pub(crate) fn fences(page: &str) -> Vec<Fence<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, Fence<'_>)> = None;
    for (at, line) in page.lines().enumerate() {
        let (mark, info) = marker(line);
        match &mut open {
            None if !mark.is_empty() => open = Some((mark, Fence { line: at + 1, info, body: Vec::new() })),
            None => {}
            // The closing fence has the same character, at least as often, and nothing behind it.
            Some((opened, _)) if mark.starts_with(*opened) && info.is_empty() => {
                found.extend(open.take().map(|(_, fence)| fence))
            }
            Some((_, fence)) => fence.body.push(line),
        }
    }
    found.extend(open.map(|(_, fence)| fence));
    found
}

/// The fence that a line begins with, at least three characters, and what is behind it; else nothing.
fn marker(line: &str) -> (&str, &str) {
    let line = line.trim();
    let first = line.chars().next().filter(|c| "`~".contains(*c)).unwrap_or('`');
    let length = line.len() - line.trim_start_matches(first).len();
    let (mark, info) = line.split_at(length);
    // "```a``` b" is code in a sentence.
    if length < 3 || (first == '`' && info.contains('`')) { ("", "") } else { (mark, info.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_have_their_line_and_body_whatever_their_form() {
        let page = "a\n```rust\nx\n\ny\n```\n~~~text\n```\n~~~\n````sh\n```\n````\n   ```toml\n   z\n   ```\n```a``` b\n```\nend";
        let found: Vec<_> =
            fences(page).into_iter().map(|fence| (fence.line, fence.info, fence.body)).collect();
        let expected = [
            (2, "rust", vec!["x", "", "y"]),
            (7, "text", vec!["```"]),
            (10, "sh", vec!["```"]),
            (13, "toml", vec!["   z"]),
            (17, "", vec!["end"]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rust_is_what_rustdoc_takes_for_it() {
        let is_rust = |info| Fence { line: 1, info, body: Vec::new() }.is_rust();
        for info in [
            "",
            "rust",
            "rust,no_run",
            "should_panic",
            "compile_fail,E0502",
            "rust edition2024",
            "rust,other",
            "ignore",
        ] {
            assert!(is_rust(info), "{info}");
        }
        for info in ["text", "sh", "toml", "console", "json", "text,no_run", "E1"] {
            assert!(!is_rust(info), "{info}");
        }
    }
}
