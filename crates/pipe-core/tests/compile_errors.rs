//! The likeliest mistakes do not compile, and the compiler's first line says in a sentence what is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What is wrong, the program, and the sentences that the compiler has to say.
const MISTAKES: [(&str, &str, &[&str]); 11] = [
    (
        "an async stage on an executor without a reactor",
        "let _ = from_iter(0..3).map_async(|n| async move { n + 1 }).collect().run_on(&Inline);",
        &[
            "`Inline` cannot run this pipeline: it has an async stage",
            "run it on an executor of `pipe-async`",
        ],
    ),
    (
        "a borrowed row that reaches a sink",
        "let _ = from_source(Texts).parse(row).collect();",
        &[
            "`Row<'_>` cannot go on from here: owned items are needed",
            "own it first, for example `.map(|row| row.to_owned())`",
        ],
    ),
    (
        "a borrowed row that reaches a stage which needs the order",
        "let _ = from_source(Texts).parse(row).take(3).map(|row| row.0.len()).collect();",
        &["`Row<'_>` cannot go on from here", "`.skip_rows(n)` and `.take_rows(n)`"],
    ),
    (
        "a borrowed row that reaches an operation",
        "let _ = from_source(Texts).parse(row).map_async(async |row| row.0.len());",
        &["`Row<'_>` cannot go on from here"],
    ),
    (
        "a pipeline without an end",
        "let _ = from_iter(0..3).map(|n| n + 1).run_on(&Inline);",
        &["this pipeline has no end yet, so it cannot be run", "`.collect()`, `.fold(..)`, `.for_each(..)`"],
    ),
    (
        "a closure that takes what the stage before does not give",
        "let _ = from_iter(0..3).map(|text: String| text.len()).collect().run_on(&Inline);",
        &["expected closure signature `fn({integer}) -> _`", "another error says which one"],
    ),
    (
        "a row that is not named",
        "let _ = from_source(Texts).parse(nameless).map(|row| row.0.len()).collect();",
        &["`Nameless<'static>` is no item of a pipeline", "pipe_core::rows!(Row);"],
    ),
    (
        "a closure that shares what threads cannot share",
        "let two = std::rc::Rc::new(2); let _ = from_iter(0..3).map(|n| n * *two).collect();",
        &["`Rc<i32>` cannot be shared between threads safely"],
    ),
    (
        "a serial stage among the parallel ones",
        "let _ = from_iter(0..3).stage(First).collect().run_on(&Inline);",
        &["a serial stage is added with `.serial(..)`"],
    ),
    (
        "a pipeline where a source is asked for",
        "let _ = pipe_core::concat([from_iter(0..3), from_iter(5..9)]);",
        &["is not a source", "a source made of an iterator is `FromIter::new(..)`"],
    ),
    (
        "nothing",
        "let _ = from_source(Texts).parse(row).map(|row| row.0.len()).collect().run_on(&Inline);",
        &[],
    ),
];

/// Stands around each of the programs above.
const AROUND: &str = r#"
#![allow(dead_code)]
use pipe_core::{BoxError, Emit, Flow, Inline, Items, Own, Sharing, Source, Stage, Step, Want, from_iter, from_source, rows};

struct Row<'a>(&'a str);
rows!(Row);
fn row(text: &str) -> Result<Row<'_>, String> { Ok(Row(text)) }

struct Nameless<'a>(&'a str);
fn nameless(text: &str) -> Result<Nameless<'_>, String> { Ok(Nameless(text)) }

struct First;
impl Stage for First {
    type State = bool;
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) -> bool { false }
}
impl Step<i32> for First {
    type Out = i32;
    fn push<O: Emit<i32>>(&self, _: &mut bool, item: i32, out: &mut O) -> Flow { out.emit(item) }
}

struct Texts;
struct TextBatch(Option<String>);
impl pipe_core::Batch for TextBatch {
    type Item<'a> = &'a str;
    fn bytes(&self) -> usize { 0 }
    fn drive(&mut self, _: usize, mut each: impl for<'a> FnMut(u64, &'a str) -> Flow) -> usize {
        self.0.take().map_or(0, |text| { let _ = each(0, &text); 1 })
    }
    fn position(&self) -> u64 { 0 }
}
impl Source for Texts {
    type Item = &'static str;
    type Batch = TextBatch;
    fn pull(&mut self, _: Want) -> Result<Option<TextBatch>, BoxError> { Ok(None) }
}
"#;

#[test]
fn the_likeliest_mistakes_read_as_sentences() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_errors");
    fs::create_dir_all(folder.join("src")).expect("the target folder is ours");
    let core = env!("CARGO_MANIFEST_DIR");
    let manifest = format!(
        "[package]\nname = \"mistake\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\npipe-core = {{ path = {core:?} }}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the target folder is ours");
    for (mistake, body, sentences) in MISTAKES {
        // Built, not only checked: a constant that refuses is evaluated late.
        let program = format!("{AROUND}\nfn main() {{ {body} }}\n");
        fs::write(folder.join("src/main.rs"), program).expect("the target folder is ours");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--quiet", "--color", "never"]).current_dir(&folder);
        // What a test run sets for this crate is not meant for that one.
        cargo.env("CARGO_TARGET_DIR", folder.join("target")).env_remove("RUSTFLAGS");
        let built = cargo.output().expect("cargo runs: it runs this test");
        let said = String::from_utf8_lossy(&built.stderr);
        assert_eq!(built.status.success(), sentences.is_empty(), "{mistake}:\n{said}");
        for sentence in sentences {
            assert!(said.contains(sentence), "{mistake}: the compiler does not say {sentence:?}:\n{said}");
        }
    }
}
