//! Arrows between crates: a library knows pipe-core and no other crate of ours, pipe-core and xtask know none.
//!
//! Dependencies for tests and builds count too: a test that needs two siblings belongs to `docs` or `benches`, where all
//! crates meet.

use super::finding::Finding;
use super::manifest::line_of_dependency;
use super::tree::{Package, Tree};

const CORE: &str = "pipe-core";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages().flat_map(|from| forbidden(tree, from).map(move |to| finding(tree, from, to))).collect()
}

/// The members that `from` asks for and must not know.
fn forbidden<'t>(tree: &'t Tree, from: &'t Package) -> impl Iterator<Item = &'t str> {
    // Metadata lists what is for tests, builds and single targets in the same array, renamed ones under their own name.
    let asked = from.fields["dependencies"].as_array().into_iter().flatten();
    asked
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|to| tree.packages().any(|member| member.name == *to))
        .filter(|to| !may_know(from, to))
}

fn may_know(from: &Package, to: &str) -> bool {
    if from.is_library() {
        return from.name != CORE && to == CORE;
    }
    matches!(from.name.as_str(), "benches" | "benches-gpu" | "docs")
}

fn finding(tree: &Tree, from: &Package, to: &str) -> Finding {
    let manifest = from.path("Cargo.toml");
    let line = tree.file(&manifest).map_or(1, |text| line_of_dependency(text, to));
    let advice = if !from.is_library() {
        "It starts processes only: start that crate as one."
    } else if from.name == CORE {
        "The core knows no other crate: move what needs it there, or to `docs`."
    } else {
        "A library knows pipe-core only: take the service as a trait of pipe-core; move a test that needs both to `docs`."
    };
    Finding::new(manifest, line, format!("{} must not depend on {to}. {advice}", from.name))
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;
    use serde_json::{Value, json};

    fn asks(names: &[(&str, &str)]) -> Value {
        let listed: Vec<_> =
            names.iter().map(|(name, kind)| json!({ "name": name, "kind": kind, "target": null })).collect();
        json!({ "dependencies": listed })
    }

    #[test]
    fn every_arrow_but_those_to_the_core_is_found_in_its_manifest() {
        let packages = [
            ("pipe-core", asks(&[("pipe-mem", "dev"), ("memchr", "normal")])),
            ("pipe-mem", asks(&[("pipe-core", "normal"), ("pipe-async", "dev")])),
            ("pipe-async", asks(&[("pipe-core", "normal"), ("pipe-mem", "build"), ("docs", "dev")])),
            ("xtask", asks(&[("pipe-core", "normal")])),
            ("benches", asks(&[("pipe-core", "normal"), ("pipe-mem", "normal")])),
            ("docs", asks(&[("pipe-async", "normal"), ("pipe-mem", "dev")])),
        ];
        let manifest =
            "[dependencies]\npipe-core.workspace = true\n[dev-dependencies]\npipe-async.workspace = true\n";
        let findings = check(&fixture(&packages, &[("crates/pipe-mem/Cargo.toml", manifest)]));
        assert_found(
            &findings,
            &[
                ("crates/pipe-core/Cargo.toml:1", "pipe-core must not depend on pipe-mem"),
                ("crates/pipe-mem/Cargo.toml:4", "pipe-mem must not depend on pipe-async"),
                ("crates/pipe-async/Cargo.toml:1", "pipe-async must not depend on pipe-mem"),
                ("crates/pipe-async/Cargo.toml:1", "pipe-async must not depend on docs"),
                ("xtask/Cargo.toml:1", "starts processes only"),
            ],
        );
    }
}
