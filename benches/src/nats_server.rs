//! A server for a contender: its own process, port and folder, all gone with it.

use crate::host;
use crate::measure::BoxError;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Killed when dropped.
pub(crate) struct NatsServer {
    process: Child,
    pub(crate) url: String,
    folder: PathBuf,
}

impl NatsServer {
    /// With JetStream, on a free port of this machine; streams in files.
    pub(crate) fn start() -> Result<Self, BoxError> {
        let program = program().ok_or("no nats-server: run cargo xtask tools")?;
        let folder = host::output_folder().join(format!("nats-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(program);
        command.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"]).arg(&folder);
        command.arg("--ports_file_dir").arg(&folder);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = quiet.spawn()?;
        let ports = folder.join(format!("nats-server_{}.ports", process.id()));
        let mut server = NatsServer { process, url: String::new(), folder };
        server.url = first_url(&ports).ok_or("nats-server did not start")?;
        Ok(server)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The server writes its ports into a file once it listens: `{"nats":["nats://127.0.0.1:40123"], ..}`.
fn first_url(ports: &Path) -> Option<String> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let text = std::fs::read_to_string(ports).unwrap_or_default();
        if let Some(url) = text.split('"').find(|part| part.starts_with("nats://")) {
            return Some(url.to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// The one that `PIPE_NATS_SERVER` names, that `cargo xtask tools` has brought, or one on the search path.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("PIPE_NATS_SERVER").filter(|program| !program.is_empty()) {
        return Some(program.into());
    }
    // target/PROFILE/benches; in a test target/PROFILE/deps/benches-HASH.
    let tools = std::env::current_exe()
        .ok()?
        .ancestors()
        .skip(2)
        .take(2)
        .map(|folder| folder.join("tools"))
        .collect::<Vec<_>>();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    tools.into_iter().chain(folders).map(|folder| folder.join("nats-server")).find(|file| file.is_file())
}
