//! Servers in network namespaces of their own, joined by a bridge, of which each can be cut off and joined again.
//!
//! All of it is in a user namespace: nothing on the machine changes, and all ends with the process.

use crate::nats_server::program;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Set for the process inside of the namespaces.
const INSIDE: &str = "PIPE_TEST_APART";

/// Runs the test in a process of its own that may make networks, and says whether this is it. Where that is not allowed it says so aloud.
pub(crate) fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let may =
        "ip link set lo up && ip link add pipe0 type bridge && ip link add pipe1 type veth peer name pipe2";
    let tried = Command::new("unshare").args(["-rn", "sh", "-c", may]).output();
    let why = match &tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = why {
        let _ = writeln!(std::io::stdout(), "SKIP {test}: no networks of one's own on this machine: {why}");
        return false;
    }
    let again = std::env::current_exe().unwrap();
    let mut inside = Command::new("unshare");
    inside.arg("-rn").arg(again).args([test, "--exact", "--ignored", "--nocapture"]).env(INSIDE, "1");
    assert!(inside.status().unwrap().success(), "it failed inside of its network");
    false
}

/// Ends with its process.
pub(crate) struct Node {
    process: Child,
    /// Its end of the cable, on our side.
    cable: String,
    pub(crate) url: String,
    _folder: TempDir,
}

/// Three servers with a network between them, and the program here in it as well.
pub(crate) fn three_nodes() -> Option<Vec<Node>> {
    let server = program()?;
    ip("link set lo up");
    ip("link add bridge type bridge");
    ip("addr add 10.77.0.254/24 dev bridge");
    ip("link set bridge up");
    let routes: Vec<String> = (1..=3).map(|n| format!("nats://10.77.0.{n}:6222")).collect();
    let start = |n: u32| {
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!(
            "server_name: n{n}\nlisten: \"10.77.0.{n}:4222\"\njetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: three, listen: \"10.77.0.{n}:6222\", routes: [{}] }}\n",
            folder.path().display(),
            routes.join(", ")
        );
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, configuration).unwrap();
        // It waits for a line, so that its network is there before the server is.
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", "read line; exec \"$0\" -c \"$1\""]).arg(&server).arg(&file);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let (pid, cable) = (process.id(), format!("cable{n}"));
        until(|| {
            let (ours, its) = ("/proc/self/ns/net", format!("/proc/{pid}/ns/net"));
            std::fs::read_link(ours).unwrap() != std::fs::read_link(its).unwrap()
        });
        ip(&format!("link add {cable} type veth peer name end{n} netns {pid}"));
        ip(&format!("link set {cable} master bridge up"));
        for line in
            ["link set lo up", &format!("addr add 10.77.0.{n}/24 dev end{n}"), &format!("link set end{n} up")]
        {
            run(Command::new("nsenter").args(["-t", &pid.to_string(), "-n", "ip"]).args(line.split(' ')));
        }
        writeln!(process.stdin.take().unwrap()).unwrap();
        Node { process, cable, url: format!("nats://10.77.0.{n}:4222"), _folder: folder }
    };
    let nodes: Vec<Node> = (1..=3).map(start).collect();
    for n in 1..=3 {
        until(|| std::net::TcpStream::connect(format!("10.77.0.{n}:4222")).is_ok());
    }
    Some(nodes)
}

impl Node {
    /// Nothing reaches it, and nothing comes from it; its process knows of nothing.
    pub(crate) fn cut_off(&self) {
        ip(&format!("link set {} down", self.cable));
    }

    pub(crate) fn join_again(&self) {
        ip(&format!("link set {} up", self.cable));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ip(line: &str) {
    run(Command::new("ip").args(line.split(' ')));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Of another process, so it can only be asked again.
fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}
