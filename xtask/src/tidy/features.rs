//! A feature is a promise to users: it has a comment above it in `Cargo.toml` and a place under `# Features` in the docs.

use super::finding::Finding;
use super::manifest::{assigns, section};
use super::tokens::{Kind, tokens};
use super::tree::{Package, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.libraries().flat_map(|package| check_package(tree, package)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let (manifest, root) = (package.path("Cargo.toml"), package.path("src/lib.rs"));
    let declared = tree.file(&manifest).map_or_else(Vec::new, |text| section(text, "[features]"));
    let (described, prose) = tree.file(&root).map_or_else(Default::default, section_of_docs);
    let mut findings = Vec::new();
    let names = package.fields["features"].as_object().into_iter().flat_map(serde_json::Map::keys);
    for name in names.filter(|name| *name != "default") {
        match declared.iter().position(|(_, line)| assigns(line, name)) {
            None => findings.push(Finding::new(manifest.clone(), 1, implicit(name))),
            Some(at) => {
                let above = at.checked_sub(1).map_or("", |above| declared[above].1);
                if above.trim_start_matches('#').trim().is_empty() || !above.starts_with('#') {
                    findings.push(Finding::new(manifest.clone(), declared[at].0, uncommented(name)));
                }
            }
        }
        if !prose.contains(&format!("`{name}`")) {
            findings.push(Finding::new(root.clone(), described, undescribed(name)));
        }
    }
    findings
}

/// The line of `# Features` in the docs of a crate, or the last line of these, and what stands below it.
fn section_of_docs(source: &str) -> (usize, String) {
    let docs = tokens(source).into_iter().filter(|token| token.kind == Kind::Comment);
    let lines = docs.filter_map(|token| Some((token.line, token.text.strip_prefix("//!")?.trim())));
    let (mut place, mut inside, mut prose) = (1, false, String::new());
    for (line, text) in lines {
        if text.starts_with("# ") {
            inside = text == "# Features";
        }
        if inside {
            prose += text;
        }
        if text == "# Features" || prose.is_empty() {
            place = line;
        }
    }
    (place, prose)
}

fn implicit(name: &str) -> String {
    format!(
        "The feature `{name}` is made by an optional dependency and declared nowhere. Write `{name} = [\"dep:{name}\"]` under \
         `[features]`, with a comment above that says what it brings."
    )
}

fn uncommented(name: &str) -> String {
    format!("The feature `{name}` has no comment. Say in the line above what it brings and what it costs.")
}

fn undescribed(name: &str) -> String {
    format!(
        "The feature `{name}` is not described. Name it as `{name}` in a section `# Features` of these docs."
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;
    use serde_json::json;

    const DOCS: &str = "//! A.\n//!\n//! # Features\n//!\n//! * `x`: the x.\n//!\n//! # Limits\n//!\n//! None, and no `y`.\n";

    fn check_crate(features: &serde_json::Value, manifest: &str, lib: &str) -> Vec<Finding> {
        let files = [("crates/pipe-a/Cargo.toml", manifest), ("crates/pipe-a/src/lib.rs", lib)];
        check(&fixture(&[("pipe-a", json!({ "features": features }))], &files))
    }

    #[test]
    fn a_feature_with_comment_and_description_passes_and_default_needs_none() {
        let manifest = "[features]\ndefault = [\"x\"]\n# The x.\nx = []\n";
        assert_found(&check_crate(&json!({ "default": ["x"], "x": [] }), manifest, DOCS), &[]);
    }

    #[test]
    fn a_feature_without_a_comment_is_found() {
        for (manifest, line) in [
            ("[features]\nx = []\n", 2),
            ("[features]\n# Of default.\ndefault = []\nx = []\n", 4),
            ("[features]\n# Too far.\n\nx = []\n", 4),
            ("[features]\n#\nx = []\n", 3),
        ] {
            let findings = check_crate(&json!({ "x": [] }), manifest, DOCS);
            assert_found(&findings, &[(&format!("crates/pipe-a/Cargo.toml:{line}"), "has no comment")]);
        }
    }

    #[test]
    fn a_feature_outside_of_the_section_is_not_described() {
        let manifest = "[features]\n# The y.\ny = []\n";
        let findings = check_crate(&json!({ "y": [] }), manifest, DOCS);
        assert_found(&findings, &[("crates/pipe-a/src/lib.rs:3", "`y` is not described")]);
        let findings = check_crate(&json!({ "y": [] }), manifest, "//! A.\n//! No section.\nmod a; // `y`\n");
        assert_found(&findings, &[("crates/pipe-a/src/lib.rs:2", "`y` is not described")]);
    }

    #[test]
    fn a_feature_made_by_a_dependency_is_found() {
        let findings =
            check_crate(&json!({ "x": ["dep:x"] }), "[dependencies]\nx = { optional = true }\n", DOCS);
        assert_found(&findings, &[("crates/pipe-a/Cargo.toml:1", "declared nowhere")]);
    }
}
