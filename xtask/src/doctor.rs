//! `cargo xtask doctor`: what this machine offers to the crates and their benchmarks; for what is missing, the command that adds it.
//!
//! It looks and changes nothing. Nothing that is missing is an error: all crates build and pass their tests without it.

mod machine;
mod tools;

use crate::output;
use std::process::ExitCode;

/// Say what this machine offers, from SIMD to peers, and how to add what is missing.
#[derive(clap::Args)]
#[command(
    after_help = "A `-` marks what is missing, with the command that adds it. Ends with 0, whatever is missing."
)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> ExitCode {
    let groups =
        [("machine", machine::rows()), ("tools", tools::rows()), ("peers of the benchmarks", tools::peers())];
    match output::print(&text(&groups)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("What was found could not be printed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// One thing that a machine may offer.
struct Row {
    name: String,
    found: Found,
}

enum Found {
    /// With a version or a number.
    There(String),
    /// What that means, and what to do about it.
    Missing { means: String, add: String },
}

impl Row {
    fn there(name: impl Into<String>, what: impl Into<String>) -> Self {
        Row { name: name.into(), found: Found::There(what.into()) }
    }

    fn missing(name: impl Into<String>, means: impl Into<String>, add: impl Into<String>) -> Self {
        Row { name: name.into(), found: Found::Missing { means: means.into(), add: add.into() } }
    }

    fn is_added_by(&self, command: &str) -> bool {
        matches!(&self.found, Found::Missing { add, .. } if add == command)
    }
}

/// One line for each row, and one with the command behind those that it adds.
fn text(groups: &[(&str, Vec<Row>)]) -> String {
    let rows = || groups.iter().flat_map(|(_, rows)| rows);
    let width = rows().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, rows) in groups {
        text += &format!("{name}\n");
        for (at, Row { name, found }) in rows.iter().enumerate() {
            match found {
                Found::There(what) => text += &format!("  + {name:width$}  {what}\n"),
                Found::Missing { means, add } => {
                    text += &format!("  - {name:width$}  {means}\n");
                    if !rows.get(at + 1).is_some_and(|next| next.is_added_by(add)) {
                        text += &format!("    {:width$}  add it: {add}\n", "");
                    }
                }
            }
        }
        text.push('\n');
    }
    let missing = rows().filter(|row| matches!(row.found, Found::Missing { .. })).count();
    text + &format!("{} there, {missing} missing\n", rows().count() - missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_a_command_stands_below_all_that_it_adds() {
        let groups = [
            ("machine", vec![Row::there("cores", "2")]),
            (
                "tools",
                vec![
                    Row::missing("nats-server", "no tests over machines", "apt-get install nats-server"),
                    Row::missing("numpy", "not compared with", "cargo xtask peers"),
                    Row::missing("duckdb", "not compared with", "cargo xtask peers"),
                ],
            ),
        ];
        let expected = [
            "machine",
            "  + cores        2",
            "",
            "tools",
            "  - nats-server  no tests over machines",
            "                 add it: apt-get install nats-server",
            "  - numpy        not compared with",
            "  - duckdb       not compared with",
            "                 add it: cargo xtask peers",
            "",
            "1 there, 3 missing",
            "",
        ];
        assert_eq!(text(&groups).split('\n').collect::<Vec<_>>(), expected);
    }

    #[test]
    fn everything_is_looked_for_and_all_lines_fit_a_terminal() {
        let rows: Vec<_> = machine::rows().into_iter().chain(tools::rows()).collect();
        let names: Vec<_> = rows.iter().map(|row| &*row.name).collect();
        for name in
            ["cores", "SIMD", "memory", "memory limit", "io_uring", "CUDA device", "nats-server", "chromium"]
        {
            assert!(names.contains(&name), "{name} is not looked for");
        }
        for line in text(&[("all", rows)]).lines() {
            assert!(line.chars().count() <= 140, "{line}");
        }
    }
}
