//! A server that sends everything back: a process of its own, so that its work counts for no contender.

use crate::measure::BoxError;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{Child, Command, Stdio};
use tokio::io::copy;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Ends when it is dropped.
pub(crate) struct EchoServer {
    process: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl EchoServer {
    /// This program again, on a free port.
    pub(crate) fn start() -> Result<Self, BoxError> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("echo").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let stdout = process.stdout.take().ok_or("it has no output")?;
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(EchoServer { process, address: address.trim_end().to_owned() })
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What that process does, until its standard input ends: also when who started it was killed.
pub(crate) fn serve() -> Result<(), BoxError> {
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (mut socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                copy(&mut from, &mut to).await
            });
        }
    })
}
