//! The reports of a run: one document, written as Markdown and as HTML; its head in the terminal; the figures as JSON.

mod block;
mod document;
mod figures;
mod html;
mod json;
mod markdown;
mod plot;
mod scaling;
mod strip;
mod terminal;

use crate::summary::Summary;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use terminal::{head, problems};

/// Writes all three files into `folder`, and tells where they are.
pub(crate) fn write(summary: &Summary, folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let document = document::of(summary);
    let files = [
        ("report.html", html::render(&document, folder)),
        ("report.md", markdown::render(&document, folder)),
        ("results.json", json::render(summary)?),
    ];
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}
