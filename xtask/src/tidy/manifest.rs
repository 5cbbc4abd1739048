//! Lines of a `Cargo.toml`. What cargo understood is in its metadata; this finds where it was written, and comments.

/// The lines of a section, each with its number from 1; none if the section is not there.
pub(super) fn section<'a>(manifest: &'a str, name: &str) -> Vec<(usize, &'a str)> {
    let numbered = manifest.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered
        .skip_while(|(_, line)| *line != name)
        .skip(1)
        .take_while(|(_, line)| !(line.starts_with('[') && line.ends_with(']')))
        .collect()
}

/// Whether a line gives a value to `key`: `key = ..`, `"key" = ..`, `key.workspace = ..`.
pub(super) fn assigns(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches('"');
    line.strip_prefix(key).is_some_and(|rest| {
        let rest = rest.trim_start_matches('"').trim_start();
        rest.starts_with('=') || rest.starts_with('.')
    })
}

/// The line that asks for a dependency, in any of the ways to write it; 1 if it is well hidden.
pub(super) fn line_of_dependency(manifest: &str, name: &str) -> usize {
    let renamed = format!("package = \"{name}\"");
    let table = format!("dependencies.{name}]");
    let asks = |line: &str| assigns(line, name) || line.contains(&renamed) || line.ends_with(&table);
    manifest.lines().position(|line| asks(line.trim())).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_at_the_next_one() {
        let manifest =
            "[package]\nname = \"a\"\n\n[features]\n# x\nx = [\n  \"y\",\n]\n[lints]\nworkspace = true\n";
        assert_eq!(section(manifest, "[features]"), [(5, "# x"), (6, "x = ["), (7, "\"y\","), (8, "]")]);
        assert_eq!(section(manifest, "[lints]"), [(10, "workspace = true")]);
        assert!(section(manifest, "[none]").is_empty());
    }

    #[test]
    fn a_dependency_is_found_however_it_is_written() {
        for line in [
            "b.workspace = true",
            "b = \"1\"",
            "\"b\" = \"1\"",
            "x = { package = \"b\" }",
            "[dependencies.b]",
        ] {
            let manifest = format!("[dependencies]\nbb = \"1\"\n{line}\n");
            assert_eq!(line_of_dependency(&manifest, "b"), 3, "{line}");
        }
    }
}
