//! Requests by hand on tokio: a task and a connection for each that may be in flight.

use crate::contender::Job;
use crate::contenders::tokio::crew;
use crate::echo_server::EchoServer;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{during, together};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Eight bytes behind their length, there and back.
async fn exchange(socket: &mut TcpStream, n: u64) -> io::Result<u64> {
    let mut frame = [0; 12];
    frame[..4].copy_from_slice(&8u32.to_be_bytes());
    frame[4..].copy_from_slice(&n.to_be_bytes());
    socket.write_all(&frame).await?;
    let mut length = [0; 4];
    socket.read_exact(&mut length).await?;
    if u32::from_be_bytes(length) != 8 {
        return Err(io::Error::other("it is another answer"));
    }
    let mut answer = [0; 8];
    socket.read_exact(&mut answer).await?;
    Ok(u64::from_be_bytes(answer))
}

pub(crate) fn requests(job: &Job) -> Result<Outcome, BoxError> {
    let server = EchoServer::start()?;
    together(job, || {
        let connect = || {
            let address = server.address.clone();
            async move {
                let socket = TcpStream::connect(address).await.expect("it listens");
                socket.set_nodelay(true).expect("it is open");
                socket
            }
        };
        crew(job, connect, |mut socket, n| {
            during(async move {
                let answer = exchange(&mut socket, n).await.expect("it answers");
                (socket, answer)
            })
        })
    })
}
