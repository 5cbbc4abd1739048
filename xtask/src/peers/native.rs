//! Programs in C++, compiled from this repository's sources against libraries of the system.

use super::{Mode, Needed, Peer, State, install};
use crate::said::said;
use crate::workspace::{root, target};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// The source below `benches/contenders/cpp`, and the library that it is linked with.
const PROGRAMS: [(&str, &str); 1] = [("tbb_lines", "tbb")];

pub(super) fn peers(mode: Mode) -> Vec<Peer> {
    PROGRAMS.iter().map(|(name, library)| peer(mode, name, library)).collect()
}

fn peer(mode: Mode, name: &str, library: &str) -> Peer {
    let source = root().join("benches/contenders/cpp").join(name).with_extension("cpp");
    let program = target().join("peers").join("bin").join(name);
    let state = match (is_newer(&program, &source), mode) {
        (true, _) => State::There("of this source".to_owned()),
        (false, Mode::Check) => State::Missing("run cargo xtask peers".to_owned()),
        (false, Mode::Install) => match compile(&source, &program, library) {
            Ok(()) => State::Installed("of this source".to_owned()),
            Err(why) => State::Missing(why),
        },
    };
    Peer { name: name.to_owned(), needed: Needed::Optional, state }
}

/// Whether the program is there, and was compiled after its source was last changed.
fn is_newer(program: &Path, source: &Path) -> bool {
    let changed =
        |path: &Path| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    program.is_file() && changed(program) >= changed(source)
}

fn compile(source: &Path, program: &Path, library: &str) -> Result<(), String> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if said(Command::new(&compiler).arg("--version")).is_none() {
        return Err(format!("there is no compiler {compiler} (Debian: apt-get install g++)"));
    }
    if let Some(folder) = program.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    println!("{compiler} compiles {}", source.display());
    let mut command = Command::new(&compiler);
    command.args(["-O3", "-std=c++17", "-Wall", "-Wextra"]).arg(source).arg("-o").arg(program);
    install(command.arg(format!("-l{library}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_its_source() {
        for (name, _) in PROGRAMS {
            assert!(
                root().join("benches/contenders/cpp").join(name).with_extension("cpp").is_file(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_program_is_compiled_where_there_is_none_and_where_its_source_is_newer() {
        let (this, missing) = (root().join("Cargo.toml"), root().join("no-such-program"));
        assert!(is_newer(&this, &this) && is_newer(&this, &missing) && !is_newer(&missing, &this));
    }
}
