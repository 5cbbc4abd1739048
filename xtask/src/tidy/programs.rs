//! Every Rust program in Markdown is compiled: its file is the documentation of something, under `#[cfg(doctest)]`.
//!
//! Changelogs are exempt: they quote what was.

use super::finding::Finding;
use super::tokens::{Kind, code, tokens};
use super::tree::Tree;
use crate::markdown::fences;
use std::collections::BTreeSet;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let compiled = compiled(tree);
    let pages = tree.files().filter(|(path, _)| path.ends_with(".md") && !path.ends_with("CHANGELOG.md"));
    pages.flat_map(|(path, text)| check_page(path, text, compiled.contains(path))).collect()
}

fn check_page(path: &str, text: &str, is_compiled: bool) -> Vec<Finding> {
    let programs = fences(text).into_iter().filter(|fence| fence.is_rust());
    let problem = |fence: &crate::markdown::Fence<'_>| {
        if fence.is_ignored() {
            return Some(
                "This program is ignored, so nobody knows whether it compiles. Make it compile, or mark it `text`.",
            );
        }
        let what = "This program is compiled nowhere. Include its page in a crate with \
                    `#[doc = include_str!(\"...\")] #[cfg(doctest)] struct Page;`, or mark it `text` or `sh`.";
        (!is_compiled).then_some(what)
    };
    programs.filter_map(|fence| Some(Finding::new(path, fence.line, problem(&fence)?))).collect()
}

/// The pages that some source includes as documentation, by path from the root.
fn compiled(tree: &Tree) -> BTreeSet<String> {
    // rustdoc runs the programs of libraries only, not those of tests, examples or main.rs.
    let is_library = |path: &str| {
        let root = path.find("src/").map(|at| format!("{}src/lib.rs", &path[..at]));
        path.ends_with(".rs") && root.is_some_and(|root| tree.file(&root).is_some())
    };
    let includes = tree.files().filter(|(path, text)| text.contains("include_str") && is_library(path));
    includes.flat_map(|(path, text)| included(text).into_iter().map(|page| resolve(path, page))).collect()
}

fn included(source: &str) -> Vec<&str> {
    let code = code(&tokens(source));
    let is_include = |window: &[super::tokens::Token<'_>]| {
        let texts: Vec<_> = window.iter().map(|token| token.text).collect();
        matches!(texts[..], ["doc", "=", "include_str", "!", "(", _, ")"]) && window[5].kind == Kind::Text
    };
    code.windows(7)
        .filter(|window| is_include(window))
        .map(|window| window[5].text.trim_matches('"'))
        .collect()
}

/// `page` as seen from the folder of `source`.
fn resolve(source: &str, page: &str) -> String {
    let mut parts: Vec<&str> = source.split('/').collect();
    parts.pop();
    for part in page.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;

    const PROGRAM: &str = "# A\n\n```rust\nlet a = 1;\n```\n";

    #[test]
    fn a_program_on_a_page_that_no_crate_includes_is_found() {
        for fence in ["```rust", "```", "```rust,no_run", "  ```rust", "~~~rust"] {
            let page = format!("# A\n\n{fence}\nlet a = 1;\n{}\n", &fence.trim()[..3]);
            let findings = check(&fixture(&[], &[("docs/guide/a.md", &page)]));
            assert_found(&findings, &[("docs/guide/a.md:3", "compiled nowhere")]);
        }
    }

    #[test]
    fn a_mention_of_the_page_is_no_include() {
        for source in ["// #[doc = include_str!(\"../a.md\")]", "const A: &str = include_str!(\"../a.md\");"]
        {
            let findings = check(&fixture(&[], &[("docs/a.md", PROGRAM), ("docs/src/lib.rs", source)]));
            assert_found(&findings, &[("docs/a.md:3", "compiled nowhere")]);
        }
    }

    #[test]
    fn an_include_where_rustdoc_does_not_look_does_not_count() {
        let source = "#[doc = include_str!(\"../a.md\")]\n#[cfg(doctest)]\nstruct A;";
        for place in ["docs/tests/a.rs", "docs/src/main.rs", "docs/examples/a.rs"] {
            let findings = check(&fixture(&[], &[("docs/a.md", PROGRAM), (place, source)]));
            assert_found(&findings, &[("docs/a.md:3", "compiled nowhere")]);
        }
    }

    #[test]
    fn included_pages_other_languages_and_changelogs_pass() {
        let source = "#[doc = include_str!(\"../../README.md\")]\n#[doc = include_str!(\"../a.md\")]\n#[cfg(doctest)]\nstruct A;";
        let other = "```text\nlet\n```\n\n```sh\nls\n```\n";
        let files = [
            ("README.md", PROGRAM),
            ("docs/a.md", PROGRAM),
            ("docs/src/lib.rs", source),
            ("docs/b.md", other),
            ("crates/pipe-a/CHANGELOG.md", PROGRAM),
        ];
        assert_found(&check(&fixture(&[], &files)), &[]);
    }

    #[test]
    fn an_ignored_program_is_found_wherever_it_is() {
        let source = "#[doc = include_str!(\"../a.md\")]\n#[cfg(doctest)]\nstruct A;";
        let page = "```rust,ignore\nlet\n```\n\n```ignore\nlet\n```\n";
        let findings = check(&fixture(&[], &[("docs/a.md", page), ("docs/src/lib.rs", source)]));
        assert_found(&findings, &[("docs/a.md:1", "is ignored"), ("docs/a.md:5", "is ignored")]);
    }
}
