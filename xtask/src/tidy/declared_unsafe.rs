//! Unsafe code sits in files that say so at their head; a crate without such a file forbids it.
//!
//! The workspace denies `unsafe_code`, so it does not compile unless someone expects it. This rule keeps that someone at the
//! head of the file, with a reason, where a reader sees it first; and it keeps a member from leaving the workspace's lints.

use super::finding::Finding;
use super::manifest::{assigns, section};
use super::tokens::{Kind, Token, code, inner_attributes, joined};
use super::tree::{Package, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let with_unsafe: Vec<_> = tree
        .rust()
        .filter_map(|(path, tokens)| first_unsafe(&code(&tokens)).map(|line| (path, line)))
        .collect();
    let undeclared = tree.rust().filter_map(|(path, tokens)| {
        let line = with_unsafe.iter().find(|(file, _)| *file == path)?.1;
        (!is_declared(&code(&tokens))).then(|| undeclared(path, line))
    });
    let open = tree.packages().filter_map(|package| {
        let sources = package.path("src/");
        let needs_it = with_unsafe.iter().any(|(file, _)| file.starts_with(&sources));
        if needs_it { None } else { open_root(tree, package) }
    });
    undeclared.chain(open).chain(tree.packages().filter_map(|package| without_lints(tree, package))).collect()
}

/// The line of the first `unsafe` that does something. A pointer type (`unsafe extern "C" fn(i32)`) does nothing, and the
/// compiler's lint does not count it either.
fn first_unsafe(code: &[Token<'_>]) -> Option<usize> {
    let at = |at: usize| code.get(at).copied();
    let acts = |from: usize| {
        let mut next = from + 1;
        if at(next).is_some_and(|token| token.text == "extern") {
            next += 1;
            next += usize::from(at(next).is_some_and(|token| token.kind == Kind::Text));
        }
        let is_pointer = at(next).is_some_and(|token| token.text == "fn")
            && at(next + 1).is_some_and(|token| token.text == "(");
        !is_pointer
    };
    code.iter()
        .enumerate()
        .find(|(from, token)| token.text == "unsafe" && acts(*from))
        .map(|(_, token)| token.line)
}

fn is_declared(code: &[Token<'_>]) -> bool {
    inner_attributes(code).into_iter().any(|attribute| {
        let text = joined(attribute);
        text.starts_with("expect(")
            && attribute.iter().any(|token| token.text == "unsafe_code")
            && text.contains("reason=\"")
            && !text.contains("reason=\"\"")
    })
}

fn undeclared(path: &str, line: usize) -> Finding {
    let what = "This is unsafe code in a file that does not declare it. Put `#![expect(unsafe_code, reason = \"...\")]` \
                at the head of the file, or move the code to the crate's file that has it.";
    Finding::new(path, line, what)
}

/// The root of a crate that has no unsafe code and does not forbid it.
fn open_root(tree: &Tree, package: &Package) -> Option<Finding> {
    let path = ["src/lib.rs", "src/main.rs"]
        .map(|file| package.path(file))
        .into_iter()
        .find(|path| tree.file(path).is_some())?;
    let (_, tokens) = tree.rust().find(|(file, _)| *file == path)?;
    let code = code(&tokens);
    let forbids =
        inner_attributes(&code).into_iter().any(|attribute| joined(attribute) == "forbid(unsafe_code)");
    let line = code.first().map_or(1, |token| token.line);
    let what =
        format!("{} has no unsafe code. Keep it so: add `#![forbid(unsafe_code)]` here.", package.name);
    (!forbids).then(|| Finding::new(path, line, what))
}

fn without_lints(tree: &Tree, package: &Package) -> Option<Finding> {
    let path = package.path("Cargo.toml");
    let manifest = tree.file(&path)?;
    let inherits = section(manifest, "[lints]").iter().any(|(_, line)| assigns(line, "workspace"));
    let what = format!(
        "{} leaves the lints of the workspace, which deny unsafe code. Add `[lints]` with `workspace = true`.",
        package.name
    );
    (!inherits).then(|| Finding::new(path, 1, what))
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;
    use serde_json::json;

    const FORBIDS: &str = "//! Docs.\n#![forbid(unsafe_code)]\n";
    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn check_files(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&fixture(&[("pipe-a", json!({}))], files))
    }

    #[test]
    fn unsafe_code_without_a_declaration_is_found_at_its_line() {
        for (source, line) in [
            ("fn f() {\n    unsafe { g() }\n}", 2),
            ("unsafe impl Send for A {}", 1),
            ("#![allow(unsafe_code)]\nunsafe fn f() {}", 2),
            ("#![expect(unsafe_code)]\nunsafe fn f() {}", 2),
            ("#![expect(unsafe_code, reason = \"\")]\nunsafe fn f() {}", 2),
            ("#![expect(dead_code, reason = \"unsafe_code\")]\nunsafe fn f() {}", 2),
            ("#[expect(unsafe_code, reason = \"in place\")]\nunsafe fn f() {}", 2),
            ("type F = unsafe fn();\nunsafe extern \"C\" { fn f(); }", 2),
        ] {
            let findings =
                check_files(&[("crates/pipe-a/src/a.rs", source), ("crates/pipe-a/src/lib.rs", FORBIDS)]);
            assert_found(&findings, &[(&format!("crates/pipe-a/src/a.rs:{line}"), "does not declare it")]);
        }
    }

    #[test]
    fn declared_files_and_mentions_pass() {
        for source in [
            "//! I1: ...\n#![expect(unsafe_code, reason = \"owns memory\")]\nunsafe fn f() {}",
            "#![expect(\n    unsafe_code,\n    reason = \"owns memory\"\n)]\nunsafe fn f() {}",
            "// unsafe\nconst A: &str = \"unsafe\";",
            "type F = unsafe extern \"C\" fn(i32); type G = unsafe fn();",
        ] {
            let findings =
                check_files(&[("crates/pipe-a/src/a.rs", source), ("crates/pipe-a/src/lib.rs", FORBIDS)]);
            assert_found(&findings, &[]);
        }
    }

    #[test]
    fn a_crate_without_unsafe_code_forbids_it() {
        let findings = check_files(&[("crates/pipe-a/src/lib.rs", "//! Docs.\n\n#![deny(unsafe_code)]\n")]);
        assert_found(&findings, &[("crates/pipe-a/src/lib.rs:3", "#![forbid(unsafe_code)]")]);

        // An unsafe allocator in a test of its own is no reason to leave the library open.
        let declared = "#![expect(unsafe_code, reason = \"counts\")]\nunsafe fn f() {}";
        let findings =
            check_files(&[("crates/pipe-a/src/lib.rs", "mod a;\n"), ("crates/pipe-a/tests/t.rs", declared)]);
        assert_found(&findings, &[("crates/pipe-a/src/lib.rs:1", "no unsafe code")]);

        // One declared file: forbidding would not compile.
        let findings =
            check_files(&[("crates/pipe-a/src/lib.rs", "mod a;\n"), ("crates/pipe-a/src/a.rs", declared)]);
        assert_found(&findings, &[]);
    }

    #[test]
    fn a_member_that_leaves_the_lints_is_found() {
        let findings = check_files(&[("crates/pipe-a/Cargo.toml", "[package]\n[lints]\n")]);
        assert_found(&findings, &[("crates/pipe-a/Cargo.toml:1", "leaves the lints")]);
        assert_found(&check_files(&[("crates/pipe-a/Cargo.toml", LINTS)]), &[]);
    }
}
