//! The pages against what they point at: tests, files, other pages.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The tests that the page of promises names, each with its file. A list item has the file first, then its tests, all between backticks.
fn promised(page: &str) -> Vec<(String, String)> {
    let mut items: Vec<String> = Vec::new();
    for line in page.lines() {
        match (line.strip_prefix("* `"), line.strip_prefix("  "), items.last_mut()) {
            (Some(item), ..) => items.push(format!("`{item}")),
            (None, Some(rest), Some(item)) => item.push_str(rest),
            _ => {}
        }
    }
    let names = |item: String| {
        let mut quoted: Vec<_> = item.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let file = quoted.remove(0);
        quoted.into_iter().map(move |test| (file.clone(), test))
    };
    items.into_iter().flat_map(names).collect()
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let promised = promised(include_str!("../guarantees.md"));
    assert!(promised.len() > 40, "the page names {} tests", promised.len());
    for (file, test) in promised {
        let source = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let is_there =
            [format!("fn {test}("), format!("fn {test}<")].iter().any(|start| source.contains(start));
        assert!(is_there, "{file} has no test {test}");
    }
}

#[test]
fn a_promise_on_several_lines_is_read_whole() {
    let page = "* `a.rs`: `one`,\n  `two`\n* no test\n\ntext `x`\n* `b.rs`: `three`\n";
    let expected = [("a.rs", "one"), ("a.rs", "two"), ("b.rs", "three")];
    assert_eq!(promised(page), expected.map(|(file, test)| (file.to_owned(), test.to_owned())));
}

/// Where the links of a page lead, those to elsewhere left out: `[text](to)`.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#'))
}

/// Files that a page names between backticks, from the root on.
fn files(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        text.ends_with(".rs") && ["crates/", "docs/", "xtask/"].iter().any(|top| text.starts_with(top))
    })
}

#[test]
fn links_and_files_that_pages_name_exist() {
    let folder = |folder: &str| fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let pages = ["", "docs", "docs/guide", "docs/design"].into_iter().flat_map(folder).filter(is_page);
    let mut checked = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let linked = links(&text).map(|link| page.parent().unwrap().join(link));
        for target in linked.chain(files(&text).map(|file| root().join(file))) {
            assert!(target.exists(), "{} names {}, which is not there", page.display(), target.display());
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} links and files");
}
