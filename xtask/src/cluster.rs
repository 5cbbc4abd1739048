//! `cargo xtask cluster`: three servers and some workers of the program `word_counts` on this machine, to look at and to kill.
//!
//! A table says every second who is there and what is left in the streams. Commands are lines on standard input; at its end the cluster goes
//! on until the job is done.

mod member;
mod table;

use crate::tools;
use crate::workspace::{cargo, root, target};
use member::Member;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long servers may take until they listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Three servers and workers of an example on this machine, with a table of what they do; kills and restarts on request.
#[derive(clap::Args)]
#[command(after_help = "\
Commands, one a line:

  kill NAME     SIGKILL: n1, n2, n3 are servers, w1, w2, ... workers, source and sink what they are
  start NAME    again, with the same files
  worker        one more worker
  quit          all of it

The job counts the words of FILES, or of the sources of this workspace, as often as --times says. It ends by itself, and the totals are then
compared with those of one process.")]
pub(crate) struct Args {
    /// Workers to begin with
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// How often each file is counted
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// What is counted
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match cluster(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("cluster: {why}");
            ExitCode::FAILURE
        }
    }
}

fn cluster(args: &Args) -> Result<(), String> {
    let server = tools::server().ok_or("no nats-server: run cargo xtask tools")?;
    let program = build()?;
    let folder = target().join("cluster");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = if args.files.is_empty() { sources(&root().join("crates")) } else { args.files.clone() };
    let files: Vec<PathBuf> = (0..args.times.max(1)).flat_map(|_| files.iter().cloned()).collect();
    let mut cluster = Cluster::new(&server, program, &folder)?;
    cluster.add("source", cluster.part("source", &files));
    cluster.add("sink", cluster.part("sink", &[]));
    (0..args.workers).for_each(|_| drop(cluster.add_worker()));
    cluster.start_all()?;
    cluster.watch(&commands())?;
    cluster.check(&files)
}

/// The example, as it is now.
fn build() -> Result<PathBuf, String> {
    let built = cargo(["build", "--quiet", "-p", "docs", "--example", "word_counts"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("word_counts was not built".to_owned());
    }
    Ok(target().join("debug/examples/word_counts"))
}

/// Lines of standard input, from a thread that waits for them.
fn commands() -> Receiver<String> {
    let (send, commands) = channel();
    std::thread::spawn(move || {
        io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    commands
}

/// All `.rs` files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

struct Cluster {
    program: PathBuf,
    folder: PathBuf,
    /// Addresses of the servers, with commas between.
    servers: String,
    /// Where the servers tell about themselves.
    monitors: Vec<u16>,
    members: BTreeMap<String, Member>,
}

impl Cluster {
    fn new(server: &Path, program: PathBuf, folder: &Path) -> Result<Self, String> {
        let ports = free_ports(9)?;
        let (clients, routes, monitors) = (&ports[..3], &ports[3..6], ports[6..].to_vec());
        let urls = |ports: &[u16]| {
            ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
        };
        let (servers, known) = (urls(clients), urls(routes));
        let mut members = BTreeMap::new();
        for n in 0..3 {
            let name = format!("n{}", n + 1);
            let store = folder.join(&name);
            let mut command = Command::new(server);
            command
                .args(["-js", "-a", "127.0.0.1", "-p", &clients[n].to_string(), "-n", &name, "-sd"])
                .arg(&store);
            command.args(["--cluster_name", "three", "--routes", &known, "-m", &monitors[n].to_string()]);
            command.args(["--cluster", &format!("nats://127.0.0.1:{}", routes[n])]);
            members.insert(name, Member::new(command, folder.join(format!("n{}.log", n + 1))));
        }
        Ok(Cluster { program, folder: folder.to_owned(), servers, monitors, members })
    }

    /// The program in a role.
    fn part(&self, role: &str, files: &[PathBuf]) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "--server",
            &self.servers,
            "--replicas",
            "3",
            "--lease",
            "5",
            "--job",
            "cluster",
            "--role",
            role,
        ]);
        command.arg("--out").arg(self.folder.join("parts")).args(files);
        command
    }

    fn add(&mut self, name: &str, command: Command) {
        let log = self.folder.join(format!("{name}.log"));
        self.members.insert(name.to_owned(), Member::new(command, log));
    }

    fn add_worker(&mut self) -> String {
        let workers = self.members.keys().filter(|name| name.starts_with('w')).count();
        let name = format!("w{}", workers + 1);
        self.add(&name, self.part("count", &[]));
        name
    }

    /// Servers first, and the others once these listen.
    fn start_all(&mut self) -> Result<(), String> {
        let is_server = |name: &str| name.starts_with('n');
        for servers in [true, false] {
            for (name, member) in self.members.iter_mut().filter(|(name, _)| is_server(name) == servers) {
                member.start().map_err(|why| format!("{name}: {why}"))?;
            }
            let began = Instant::now();
            while self.monitors.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
                if began.elapsed() > PATIENCE {
                    // One may have been killed on request.
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// Prints the table and does what is asked for, until the sink has ended well, or someone wants no more.
    fn watch(&mut self, commands: &Receiver<String>) -> Result<(), String> {
        let mut asks = true;
        loop {
            print!("{}", table::table(&mut self.members, &self.monitors));
            if self.members.get_mut("sink").is_some_and(|sink| sink.has_ended_well()) {
                return Ok(());
            }
            let command = match (asks, commands.recv_timeout(Duration::from_secs(1))) {
                (true, Ok(command)) => command,
                (true, Err(RecvTimeoutError::Timeout)) => continue,
                _ => {
                    asks = false;
                    std::thread::sleep(Duration::from_secs(1));
                    continue;
                }
            };
            match command.split_whitespace().collect::<Vec<_>>()[..] {
                ["quit"] => return Err("ended before the job was done".to_owned()),
                ["worker"] => {
                    let name = self.add_worker();
                    self.member(&name, |member| drop(member.start()));
                }
                ["kill", name] => self.member(name, Member::kill),
                ["start", name] => self.member(name, |member| drop(member.start())),
                _ => println!("kill NAME, start NAME, worker, quit"),
            }
        }
    }

    fn member(&mut self, name: &str, act: impl FnOnce(&mut Member)) {
        match self.members.get_mut(name) {
            Some(member) => act(member),
            None => println!("there is no {name}"),
        }
    }

    /// The totals against those of one process.
    fn check(&mut self, files: &[PathBuf]) -> Result<(), String> {
        let mut alone = Command::new(&self.program);
        alone.arg("--out").arg(self.folder.join("alone")).args(files);
        let expected = alone.output().map_err(|error| error.to_string())?.stdout;
        let totals = fs::read(self.folder.join("sink.log")).map_err(|error| error.to_string())?;
        if totals != expected {
            return Err(format!(
                "the totals differ from those of one process: see {}",
                self.folder.display()
            ));
        }
        println!("{} files counted, the totals are those of one process", files.len());
        Ok(())
    }
}

/// Ports that were free a moment ago.
fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    let bound: io::Result<Vec<_>> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let ports: io::Result<Vec<u16>> =
        bound.and_then(|all| all.iter().map(|listener| Ok(listener.local_addr()?.port())).collect());
    ports.map_err(|error| format!("no free ports: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let mut ports = free_ports(9).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 9);
    }

    #[test]
    fn the_sources_of_a_folder_are_found_below_it_in_order() {
        let found = sources(&root().join("xtask/src"));
        assert!(found.iter().any(|file| file.ends_with("cluster/member.rs")) && found.is_sorted());
    }
}
