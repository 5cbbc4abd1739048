//! The document as Markdown.

use super::block::{Block, Cell, Table};
use crate::host;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn render(blocks: &[Block], folder: &Path) -> String {
    let base = base(folder);
    let mut text = String::new();
    for block in blocks {
        match block {
            Block::Heading(level, title) => {
                text.push_str(&format!("{} {title}\n\n", "#".repeat(usize::from(*level))));
            }
            Block::Text(paragraph) => text.push_str(&format!("{paragraph}\n\n")),
            Block::Table(table) => push_table(&mut text, table, &base),
            // The table below says the same.
            Block::Bars(_) | Block::Plot(_) => {}
            Block::Code(code) => text.push_str(&format!("```text\n{code}\n```\n\n")),
        }
    }
    text
}

/// The way from the folder of the report to the workspace, so that links work where the report lies.
pub(crate) fn base(folder: &Path) -> String {
    let root = host::root();
    match folder.strip_prefix(&root) {
        Ok(below) => "../".repeat(below.components().count()),
        Err(_) => format!("{}/", root.display()),
    }
}

fn push_table(text: &mut String, table: &Table, base: &str) {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    text.push_str(&line(&mut table.head.iter().map(|name| (*name).to_owned())));
    text.push_str(&line(&mut table.head.iter().map(|_| "---".to_owned())));
    for row in &table.rows {
        text.push_str(&line(&mut row.iter().map(|cell| cell_text(cell, base))));
    }
    text.push('\n');
}

fn cell_text(cell: &Cell, base: &str) -> String {
    let mut text = cell.text.replace('|', "\\|").replace('\n', " ");
    if let Some(link) = &cell.link {
        let target = link.replacen(':', "#L", 1);
        // Writing to a `String` does not fail.
        let _ = write!(text, " ([{link}]({base}{target}))");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document;
    use crate::summary::tests::summary;

    #[test]
    fn wins_losses_and_skips_are_all_there() {
        let text = render(&document::of(&summary()), &host::root().join("target/bench"));
        for part in ["## Overview", "## Where we lose", "## Skipped", "## Failed", "0.25 [0.25, 0.25] worse"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let link = text.split("](").nth(1).unwrap().split(')').next().unwrap();
        assert!(link.starts_with("../../benches/src/contenders/hand.rs#L"), "{link}");
        let widths =
            text.lines().filter(|line| line.starts_with('|')).map(|line| line.matches(" | ").count());
        assert!(widths.min() > Some(0));
    }
}
