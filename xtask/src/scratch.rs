//! `cargo xtask scratch`: each library as a stranger gets it, in a project of its own outside of this workspace.
//!
//! The libraries are packed as for publishing and unpacked again. The project depends on the crate and on pipe-core, nothing
//! else, and its program is the first one of the crate's README. So it finds what a workspace hides: a file that is not in
//! the package, a feature that a sibling switched on, a test dependency that the README needs, and a tree of dependencies
//! that grew, which is held against the cap in the crate's `Cargo.toml`.
//!
//! `cargo package` could build what it packs, but it keeps the sources of pipe-core by version: after a change it would
//! build siblings against the pipe-core of the last run.

mod project;
mod weight;

use crate::workspace::{Library, cargo, libraries, metadata, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const CORE: &str = "pipe-core";

/// Pack each library, build it in a project of its own with the program of its README, count what comes with it.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> ExitCode {
    let (libraries, scratch) = match prepare() {
        Ok(prepared) => prepared,
        Err(why) => {
            println!("The libraries could not be packed: {why}");
            return ExitCode::FAILURE;
        }
    };
    let Some(core) = libraries.iter().find(|library| library.name == CORE) else {
        println!("There is no crate {CORE} that the others could depend on.");
        return ExitCode::FAILURE;
    };
    let mut failed = 0;
    for library in &libraries {
        match scratch.check(library, core) {
            Ok(said) => println!("{}: {said}", library.name),
            Err(why) => {
                println!("{}: FAILED\n{why}", library.name);
                failed += 1;
            }
        }
    }
    println!("{} scratch projects, {failed} failed", libraries.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn prepare() -> Result<(Vec<Library>, Scratch), String> {
    let libraries = libraries()?;
    // Under the folder for build products, so that it is ignored, and removed by `cargo clean`.
    let target = metadata()?["target_directory"].as_str().map(PathBuf::from);
    let target = target.ok_or("cargo metadata names no target directory")?;
    let scratch = Scratch { packages: target.join("scratch/packages"), projects: target.join("scratch") };
    scratch.pack(&libraries, &target.join("package"))?;
    Ok((libraries, scratch))
}

/// Where things are put.
struct Scratch {
    /// The unpacked libraries, `pipe-core-0.1.0` and so on.
    packages: PathBuf,
    /// A folder for each library, and `build` for what cargo makes of them.
    projects: PathBuf,
}

impl Scratch {
    fn pack(&self, libraries: &[Library], archives: &Path) -> Result<(), String> {
        // Together, since a crate may need a version of pipe-core that is not published yet. A change that is not
        // committed is no reason to fail here.
        let mut package = cargo(["package", "--quiet", "--offline", "--no-verify", "--allow-dirty"]);
        for library in libraries {
            package.args(["-p", &library.name]);
        }
        output(&mut package)?;
        // A file that is no longer packed must not be there from the last run.
        drop(fs::remove_dir_all(&self.packages));
        fs::create_dir_all(&self.packages)
            .map_err(|error| format!("{}: {error}", self.packages.display()))?;
        for library in libraries {
            let mut unpack = Command::new("tar");
            // Archives carry a date long past, by which cargo would take each file for one that it has built.
            unpack.arg("--touch").arg("-xzf").arg(archives.join(format!("{}.crate", file_name(library))));
            output(unpack.current_dir(&self.packages))?;
        }
        Ok(())
    }

    fn check(&self, library: &Library, core: &Library) -> Result<String, String> {
        let project = self.projects.join(&library.name);
        self.write(library, core, &project)
            .map_err(|why| format!("Its scratch project was not written: {why}."))?;
        let manifest = project.join("Cargo.toml");
        // One folder for the builds of all projects: they share pipe-core.
        let mut build = cargo(["build", "--quiet", "--manifest-path"]);
        build.arg(&manifest).arg("--target-dir").arg(self.projects.join("build"));
        let place = project.display();
        output(&mut build).map_err(|why| {
            format!("{why}The first program of its README does not build with this crate and pipe-core alone, in {place}.")
        })?;
        let mut tree = cargo(weight::TREE);
        tree.args(["-p", &library.name, "--manifest-path"]).arg(&manifest);
        weight::compare(&weight::packages_below(&output(&mut tree)?), library.max_dependencies)
    }

    fn write(&self, library: &Library, core: &Library, project: &Path) -> Result<(), String> {
        let io = |error: std::io::Error| error.to_string();
        let unpacked = |of: &Library| self.packages.join(file_name(of));
        let readme = fs::read_to_string(unpacked(library).join("README.md")).map_err(io)?;
        let program = project::main_rs(&library.name, &readme).ok_or("its README has no Rust program")?;
        let manifest = project::manifest(&library.name, &unpacked(library), &unpacked(core));
        fs::create_dir_all(project.join("src")).map_err(io)?;
        fs::write(project.join("Cargo.toml"), manifest).map_err(io)?;
        fs::write(project.join("src/main.rs"), program).map_err(io)?;
        // The versions of this workspace, which are on this machine already; cargo strikes what the project does not use.
        fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).map_err(io)?;
        Ok(())
    }
}

/// As cargo names archives and what is in them.
fn file_name(library: &Library) -> String {
    format!("{}-{}", library.name, library.version)
}

/// Runs to the end; what it printed, or its complaint.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?} could not be started: {error}. "))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
