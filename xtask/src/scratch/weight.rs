//! What comes with a crate: the packages below it, and how many of them are allowed.

use std::collections::BTreeSet;

/// What is compiled for a user: no dependencies of tests.
pub(super) const TREE: [&str; 7] = ["tree", "-e", "no-dev", "--prefix", "none", "--format", "{p}"];

/// The packages in what `cargo tree` printed, without the first, which is the crate itself.
pub(super) fn packages_below(tree: &str) -> BTreeSet<String> {
    // Behind name and version: a path, `(proc-macro)`, or `(*)` where a package was shown before.
    let package = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        Some(format!("{name} {}", rest.split(' ').next()?))
    };
    let mut packages = tree.lines().filter_map(package);
    let itself = packages.next();
    packages.filter(|package| Some(package) != itself.as_ref()).collect()
}

pub(super) fn compare(packages: &BTreeSet<String>, cap: Option<u64>) -> Result<String, String> {
    let count = packages.len();
    let names = packages.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let Some(cap) = cap else {
        return Err(format!(
            "It brings {count} packages ({names}) and has no cap. Add `max-dependencies = {count}` under \
             `[package.metadata.pipe]` in its Cargo.toml."
        ));
    };
    if count as u64 <= cap {
        return Ok(format!("builds alone, brings {count} of at most {cap} packages"));
    }
    Err(format!(
        "It brings {count} packages, and at most {cap} are allowed: {names}. Do without the new one, or raise \
         `max-dependencies` in its Cargo.toml and say in docs/design/dependencies.md what it saves."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_once_and_the_crate_itself_never() {
        let tree = "pipe-a v0.1.0 (/x/pipe-a)\nmemchr v2.8.0\npipe-core v0.1.0 (/x)\nmemchr v2.8.0 (*)\nm v1.0.0 (proc-macro)\n";
        let found: Vec<_> = packages_below(tree).into_iter().collect();
        assert_eq!(found, ["m v1.0.0", "memchr v2.8.0", "pipe-core v0.1.0"]);
        assert!(packages_below("pipe-core v0.1.0 (/x)\n").is_empty());
    }

    #[test]
    fn more_packages_than_the_cap_are_an_error_with_both_numbers() {
        let packages = packages_below("a v1\nb v1\nc v1\n");
        assert!(compare(&packages, Some(2)).is_ok());
        assert!(compare(&packages, Some(3)).is_ok());
        let why = compare(&packages, Some(1)).unwrap_err();
        assert!(
            why.contains("brings 2 packages") && why.contains("at most 1") && why.contains("c v1"),
            "{why}"
        );
        assert!(compare(&packages, None).unwrap_err().contains("max-dependencies = 2"));
    }
}
