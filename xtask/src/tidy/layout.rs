//! Every library has the same files and says the same things about itself, so that who knows one knows all.

use super::finding::Finding;
use super::manifest::{assigns, section};
use super::tree::{Package, Tree};
use serde_json::Value;

const FILES: [&str; 4] = ["Cargo.toml", "README.md", "CHANGELOG.md", "src/lib.rs"];

/// As cargo's metadata spells them; a registry shows each on the page of the crate.
const FIELDS: [&str; 6] = ["description", "keywords", "categories", "readme", "license", "rust_version"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let libraries = tree.libraries().flat_map(|package| files(tree, package).chain(fields(package)));
    libraries.chain(tree.packages().filter_map(|package| compiler(tree, package))).collect()
}

fn files(tree: &Tree, package: &Package) -> impl Iterator<Item = Finding> {
    FILES.into_iter().map(|file| package.path(file)).filter(|path| tree.file(path).is_none()).map(|path| {
        Finding::new(
            path,
            1,
            "This file is missing. Each crate has Cargo.toml, README.md, CHANGELOG.md and src/lib.rs.",
        )
    })
}

fn fields(package: &Package) -> impl Iterator<Item = Finding> {
    FIELDS.into_iter().filter(|field| is_empty(&package.fields[*field])).map(|field| {
        let field = field.replace('_', "-");
        let what = format!("{} has no `{field}`. Write or inherit it in `[package]`.", package.name);
        Finding::new(package.path("Cargo.toml"), 1, what)
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// One number for the whole workspace, so that raising it is one change.
fn compiler(tree: &Tree, package: &Package) -> Option<Finding> {
    let path = package.path("Cargo.toml");
    let lines = section(tree.file(&path)?, "[package]");
    let inherits = lines.iter().any(|(_, line)| line.replace(' ', "") == "rust-version.workspace=true");
    let place = lines.iter().find(|(_, line)| assigns(line, "rust-version")).map_or(1, |(line, _)| *line);
    let what =
        format!("{} has a compiler version of its own. Write `rust-version.workspace = true`.", package.name);
    (!inherits).then(|| Finding::new(path, place, what))
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;
    use serde_json::json;

    const MANIFEST: &str = "[package]\nname = \"pipe-a\"\nrust-version.workspace = true\n";

    fn whole() -> Value {
        json!({ "description": "a", "keywords": ["a"], "categories": ["a"], "readme": "README.md", "license": "MIT",
                "rust_version": "1.95" })
    }

    #[test]
    fn each_missing_file_is_found() {
        let all = FILES.map(|file| (format!("crates/pipe-a/{file}"), MANIFEST));
        for missing in 0..all.len() {
            let left: Vec<_> = all.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            let left = [&left[..missing], &left[missing + 1..]].concat();
            let findings = check(&fixture(&[("pipe-a", whole())], &left));
            assert_found(&findings, &[(&format!("{}:1", all[missing].0), "is missing")]);
        }
    }

    #[test]
    fn a_crate_that_is_not_published_needs_no_page_of_its_own() {
        let files = [("crates/pipe-a/Cargo.toml", MANIFEST)];
        assert_found(&check(&fixture(&[("pipe-a", json!({ "publish": [] }))], &files)), &[]);
    }

    #[test]
    fn each_missing_or_empty_field_is_found() {
        let all = FILES.map(|file| (format!("crates/pipe-a/{file}"), MANIFEST));
        let files: Vec<_> = all.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        assert_found(&check(&fixture(&[("pipe-a", whole())], &files)), &[]);
        for field in FIELDS {
            for empty in [Value::Null, json!(""), json!([])] {
                let mut fields = whole();
                fields[field] = empty;
                let findings = check(&fixture(&[("pipe-a", fields)], &files));
                let sentence = format!("has no `{}`", field.replace('_', "-"));
                assert_found(&findings, &[("crates/pipe-a/Cargo.toml:1", &sentence)]);
            }
        }
    }

    #[test]
    fn a_compiler_version_that_is_not_inherited_is_found_in_tools_too() {
        for (manifest, line) in
            [("[package]\nrust-version = \"1.95\"\n", 2), ("[package]\nname = \"docs\"\n", 1)]
        {
            let findings = check(&fixture(&[("docs", json!({}))], &[("docs/Cargo.toml", manifest)]));
            assert_found(&findings, &[(&format!("docs/Cargo.toml:{line}"), "version of its own")]);
        }
    }
}
