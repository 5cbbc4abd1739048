//! The two files of a scratch project.

use crate::markdown::{Fence, fences};
use std::path::Path;

/// Asks for one crate and for pipe-core, both where they were unpacked.
pub(super) fn manifest(name: &str, folder: &Path, core: &Path) -> String {
    let dependency =
        |name: &str, folder: &Path| format!("{name} = {{ path = {:?} }}\n", folder.display().to_string());
    let core = dependency("pipe-core", core);
    // A packed crate asks the registry for pipe-core; it gets the one that was packed with it.
    let dependencies = match name {
        "pipe-core" => core,
        _ => format!("{core}{}\n[patch.crates-io]\n{core}", dependency(name, folder)),
    };
    // A workspace of its own: cargo would look for one in the folders above.
    format!(
        "[package]\nname = \"scratch-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [workspace]\n\n[dependencies]\n{dependencies}"
    )
}

/// The first program of a README, with the `main` around it that rustdoc would add, and its hidden lines shown.
pub(super) fn main_rs(name: &str, readme: &str) -> Option<String> {
    let program = fences(readme).into_iter().find(Fence::is_rust)?;
    let shown = |line: &&str| match line.trim_start() {
        "#" => String::new(),
        text => text.strip_prefix("# ").unwrap_or(line).to_owned(),
    };
    let body = program.body.iter().map(shown).collect::<Vec<_>>().join("\n");
    // Both are linked, also by a program that names one of them only.
    let linked = format!("use pipe_core as _;\nuse {} as _;\n\n", name.replace('-', "_"));
    let program = if body.contains("fn main()") {
        body
    } else if body.trim_end().ends_with("(())") {
        format!(
            "fn main() {{\n    program().unwrap();\n}}\n\nfn program() -> Result<(), impl std::fmt::Debug> {{\n{body}\n}}\n"
        )
    } else {
        format!("fn main() {{\n{body}\n}}\n")
    };
    Some(linked + &program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_depends_on_its_crate_and_the_core_alone() {
        let (core, stream) = (
            r#"pipe-core = { path = "p/pipe-core-0.1.0" }"#,
            r#"pipe-stream = { path = "p/pipe-stream-0.2.0" }"#,
        );
        let below = |name: &str, folder: &str| {
            let text = manifest(name, Path::new(folder), Path::new("p/pipe-core-0.1.0"));
            text.split_once("[dependencies]\n").unwrap().1.to_owned()
        };
        assert_eq!(below("pipe-core", "p/pipe-core-0.1.0"), format!("{core}\n"));
        assert_eq!(
            below("pipe-stream", "p/pipe-stream-0.2.0"),
            format!("{core}\n{stream}\n\n[patch.crates-io]\n{core}\n")
        );
    }

    #[test]
    fn a_program_gets_the_main_that_rustdoc_would_give_it() {
        let of = |body: &[&str]| {
            let readme = format!(
                "# A\n\n```text\nno\n```\n\n```rust\n{}\n```\n\n```rust\nlater\n```\n",
                body.join("\n")
            );
            main_rs("pipe-mem", &readme).unwrap().split_once("\n\n").unwrap().1.to_owned()
        };
        assert_eq!(of(&["# let a = 1;", "#", "a();"]), "fn main() {\nlet a = 1;\n\na();\n}\n");
        assert_eq!(of(&["fn main() {}"]), "fn main() {}");
        assert!(
            of(&["a()?;", "# Ok::<(), E>(())"])
                .contains("impl std::fmt::Debug> {\na()?;\nOk::<(), E>(())\n}")
        );
        assert!(
            main_rs("pipe-mem", "```\n```\n")
                .unwrap()
                .starts_with("use pipe_core as _;\nuse pipe_mem as _;\n")
        );
        assert!(main_rs("pipe-mem", "```sh\nls\n```\n").is_none());
    }
}
