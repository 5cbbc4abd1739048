//! A server for a test: its own process, port and folder, all gone with it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Killed when dropped.
pub(crate) struct NatsServer {
    process: Child,
    pub(crate) url: String,
    folder: TempDir,
}

impl NatsServer {
    /// A server with JetStream on a free port of this machine. `None`: there is no program to start; said aloud, and an error where
    /// `CI` is set, since there one has been brought.
    #[allow(dead_code, reason = "a test file that configures all its servers shares this, too")]
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, "")
    }

    /// As `start`, with lines of configuration.
    pub(crate) fn start_with(test: &str, configuration: &str) -> Option<Self> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "no nats-server: run cargo xtask test");
            let why = "no nats-server in PIPE_NATS_SERVER, target/tools or PATH; cargo xtask test brings one";
            // Not by a macro: the test harness keeps to itself what these print.
            let _ = writeln!(std::io::stdout(), "SKIP {test}: {why}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let (process, url) = run(&program, &folder, "-1");
        Some(NatsServer { process, url, folder })
    }

    /// SIGKILL, and the same again: on its port, with its files.
    #[allow(dead_code, reason = "few of the test files that share this do so")]
    pub(crate) fn kill_and_start_again(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        (self.process, self.url) = run(&program().unwrap(), &self.folder, &port);
    }
}

/// A server on a port, and its address once it listens there.
fn run(program: &Path, folder: &TempDir, port: &str) -> (Child, String) {
    let file = folder.path().join("nats.conf");
    let arguments: [&std::ffi::OsStr; 11] = [
        "-c".as_ref(),
        file.as_ref(),
        "-js".as_ref(),
        "-a".as_ref(),
        "127.0.0.1".as_ref(),
        "-p".as_ref(),
        port.as_ref(),
        "-sd".as_ref(),
        folder.path().as_ref(),
        "--ports_file_dir".as_ref(),
        folder.path().as_ref(),
    ];
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let ports = folder.path().join(format!("nats-server_{}.ports", process.id()));
    let url = first_url(&ports).unwrap_or_else(|| {
        let mut said = String::new();
        let _ = process.kill();
        let log = std::fs::File::open(folder.path().join("log"));
        let _ = log.and_then(|mut log| log.read_to_string(&mut said));
        panic!("{} did not start: {said}", program.display())
    });
    (process, url)
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server writes its ports into a file once it listens: `{"nats":["nats://127.0.0.1:40123"], ..}`.
fn first_url(ports: &Path) -> Option<String> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let text = std::fs::read_to_string(ports).unwrap_or_default();
        if let Some((_, address)) = text.split('"').find_map(|part| part.split_once("://")) {
            // `tls://`, where it speaks that.
            return Some(format!("nats://{address}"));
        }
        // The one thing here that can only be asked again: a file of another process.
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// The one that is named, that was brought, or that is on the search path.
#[allow(dead_code, reason = "one test file starts it in its own way")]
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("PIPE_NATS_SERVER").filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    // Of this test, `target/debug/deps/transports-0123`: three folders up.
    let target = std::env::current_exe().ok()?.ancestors().nth(3)?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    std::iter::once(target.join("tools"))
        .chain(folders)
        .map(|folder| folder.join("nats-server"))
        .find(|file| file.is_file())
}
