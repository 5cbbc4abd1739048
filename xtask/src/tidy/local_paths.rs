//! No file names a path of the machine it was written on: it means nothing on any other.

use super::finding::Finding;
use super::tree::Tree;

/// Folders at the root of a file system where people keep their work.
const FOLDERS: [&str; 4] = ["work", "root", "home", "Users"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = Finding> + 'a {
    let lines = text.lines().enumerate();
    lines.filter_map(move |(at, line)| {
        let found =
            FOLDERS.iter().map(|folder| format!("/{folder}/")).find(|folder| is_absolute(line, folder))?;
        let what =
            format!("`{found}` is a path of one machine. Write it relative to the root of the repository.");
        Some(Finding::new(path, at + 1, what))
    })
}

/// Whether a path begins with `folder` here, and does not only go through a folder of that name.
fn is_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~}*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::assert_found;
    use super::super::tree::fixture;
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_found_in_any_file() {
        for folder in FOLDERS {
            for text in ["cd /{}/main", "see \"/{}/a.rs\"", "file:///{}/a", "/{}/"] {
                let text = format!("first\n{}\n", text.replace("{}", folder));
                for file in ["a.rs", "docs/a.md", ".ci/run", "benches/a.py"] {
                    let findings = check(&fixture(&[], &[(file, &text)]));
                    assert_found(&findings, &[(&format!("{file}:2"), "path of one machine")]);
                }
            }
        }
    }

    #[test]
    fn folders_of_that_name_elsewhere_pass() {
        for folder in FOLDERS {
            for text in ["src/{}/a.rs", "$HOME/{}/a", "~/{}/a", "../{}/a", "/{}", "/{}ing/a", "**/{}/*"] {
                let text = text.replace("{}", folder);
                assert_found(&check(&fixture(&[], &[("a.md", &text)])), &[]);
            }
        }
    }
}
