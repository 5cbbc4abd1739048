//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Each rule is a file of its own: a function from the [`Tree`] to what it found, with fixtures that break it. A rule reads
//! text and `cargo metadata`; it starts nothing and changes nothing, so that all of them take well under a second.

mod arrows;
mod declared_unsafe;
mod features;
mod finding;
mod layout;
mod length;
mod lib_rs;
mod local_paths;
mod manifest;
mod programs;
mod tokens;
mod tree;

use crate::output;
use finding::Finding;
use std::process::ExitCode;
use tree::Tree;

/// A rule, by the name that its summary line gives it.
type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: [Rule; 8] = [
    ("arrows between crates", arrows::check),
    ("layout and metadata of crates", layout::check),
    ("features with a description", features::check),
    ("lib.rs without logic", lib_rs::check),
    ("unsafe code in declared files", declared_unsafe::check),
    ("length of files and functions", length::check),
    ("programs in Markdown are compiled", programs::check),
    ("no paths of one machine", local_paths::check),
];

/// Check the house rules: arrows between crates, unsafe code, lib.rs, features, lengths, programs in Markdown.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> ExitCode {
    let tree = match Tree::read() {
        Ok(tree) => tree,
        Err(why) => {
            eprintln!("The files could not be read: {why}");
            return ExitCode::FAILURE;
        }
    };
    let (mut broken, mut text) = (0, String::new());
    for (name, check) in RULES {
        let mut findings = check(&tree);
        findings.sort();
        text += &format!("{name}: {}\n", if findings.is_empty() { "ok" } else { "BROKEN" });
        text.extend(findings.iter().map(|finding| format!("  {finding}\n")));
        broken += usize::from(!findings.is_empty());
    }
    text += &format!("{} rules over {} files, {broken} broken\n", RULES.len(), tree.files().count());
    match output::print(&text) {
        Ok(()) if broken == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("The findings could not be printed: {why}");
            ExitCode::FAILURE
        }
    }
}
