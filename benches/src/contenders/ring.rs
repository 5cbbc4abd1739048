//! Loops on io_uring alone, written for the one case: nothing between the answers of the kernel and the next questions.

#![expect(
    unsafe_code,
    reason = "the kernel is given addresses: of buffers that are never freed, one for each operation that it has"
)]

use crate::contender::Job;
use crate::echo_server::EchoServer;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::operations::{add, reached};
use crate::tasks::pieces::{PIECE, Pieces, counted, number, place};
use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types::Fd};
use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// What the kernel writes to, aligned as reads past the cache ask for.
#[derive(Clone)]
#[repr(align(4096))]
struct Page([u8; PIECE]);

pub(crate) fn cached_reads(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let file = File::open(&pieces.path)?;
    counted(job, timed(job.size, || reads(job, &file, Handed::Together))?)
}

pub(crate) fn direct_reads(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write_through()?;
    let file = pieces.open_direct()?;
    counted(job, timed(job.size, || reads(job, &file, Handed::OneByOne))?)
}

/// How new reads are handed to the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// One system call for all of them.
    Together,
    /// One for each, so that the device begins at once: the kernel keeps those that come together until it has seen the last.
    OneByOne,
}

/// Keeps as many reads under way as the job says, each with a buffer of its own.
fn reads(job: &Job, file: &File, handed: Handed) -> Result<u64, BoxError> {
    let depth = job.parameter.min(job.size);
    // Never freed: an error leaves some with the kernel.
    let pages = vec![Page([0; PIECE]); depth as usize].leak();
    let mut ring = IoUring::new((depth as u32).next_power_of_two())?;
    let read = |page: &mut Page, slot: u64, n: u64| {
        let read = opcode::Read::new(Fd(file.as_raw_fd()), page.0.as_mut_ptr(), PIECE as u32);
        read.offset(place(n)).build().user_data(slot)
    };
    for n in 0..depth {
        let entry = read(&mut pages[n as usize], n, n);
        // SAFETY: the page is not looked at before the kernel is done with it.
        unsafe { push(&mut ring, &entry)? };
    }
    let (mut begun, mut over, mut most, mut sum) = (depth, 0, 0, 0);
    while over < job.size {
        most = most.max(begun - over);
        ring.submit_and_wait(1)?;
        while let Some(done) = { ring.completion().next() } {
            let slot = done.user_data();
            let page = &mut pages[slot as usize];
            sum = add(sum, number(&page.0[..length(done.result())?]));
            over += 1;
            if begun < job.size {
                let entry = read(page, slot, begun);
                // SAFETY: as above; this slot's read is over.
                unsafe { push(&mut ring, &entry)? };
                if handed == Handed::OneByOne {
                    ring.submit()?;
                }
                begun += 1;
            }
        }
    }
    reached(job, most)?;
    Ok(sum)
}

/// Bytes there and back: eight behind their length.
const FRAME: usize = 12;

/// A connection with one request after the other.
struct Exchange {
    socket: TcpStream,
    question: [u8; FRAME],
    answer: [u8; FRAME],
    /// Bytes of the answer that are there.
    come: usize,
}

impl Exchange {
    fn asks(&mut self, n: u64) {
        self.question[..4].copy_from_slice(&8u32.to_be_bytes());
        self.question[4..].copy_from_slice(&n.to_be_bytes());
        self.come = 0;
    }

    fn send(&self) -> Entry {
        opcode::Send::new(Fd(self.socket.as_raw_fd()), self.question.as_ptr(), FRAME as u32).build()
    }

    fn receive(&mut self) -> Entry {
        let rest = &mut self.answer[self.come..];
        opcode::Recv::new(Fd(self.socket.as_raw_fd()), rest.as_mut_ptr(), rest.len() as u32).build()
    }

    fn answer(&self) -> Result<u64, BoxError> {
        let (length, answer) = self.answer.split_at(4);
        if length != 8u32.to_be_bytes() {
            return Err("it is another answer".into());
        }
        Ok(u64::from_be_bytes(answer.try_into()?))
    }
}

/// What was sent has no number: its answer is waited for.
const SENT: u64 = u64::MAX;

pub(crate) fn requests(job: &Job) -> Result<Outcome, BoxError> {
    let server = EchoServer::start()?;
    timed(job.size, || exchanges(job, &server.address))
}

/// As many connections as the job says, each with a request under way.
fn exchanges(job: &Job, address: &str) -> Result<u64, BoxError> {
    let depth = job.parameter.min(job.size);
    let mut ring = IoUring::new((2 * depth as u32).next_power_of_two())?;
    let connect = |_| -> io::Result<Exchange> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Exchange { socket, question: [0; FRAME], answer: [0; FRAME], come: 0 })
    };
    // As above.
    let all = (0..depth).map(connect).collect::<io::Result<Vec<_>>>()?.leak();
    let (mut begun, mut over, mut most, mut sum) = (0, 0, 0, 0);
    for (exchange, slot) in all.iter_mut().zip(0..) {
        // SAFETY: what both point to stays where it is, and is not looked at before the kernel is done with it: the answer comes last.
        unsafe { ask(&mut ring, exchange, slot, begun)? };
        begun += 1;
    }
    while over < job.size {
        most = most.max(begun - over);
        ring.submit_and_wait(1)?;
        while let Some(done) = { ring.completion().next() } {
            let (slot, bytes) = (done.user_data(), length(done.result())?);
            if slot == SENT {
                (bytes == FRAME).then_some(()).ok_or("it was sent in parts")?;
                continue;
            }
            let exchange = &mut all[slot as usize];
            exchange.come += bytes;
            if exchange.come < FRAME {
                // SAFETY: as above.
                unsafe { push(&mut ring, &exchange.receive().user_data(slot))? };
                continue;
            }
            sum = add(sum, exchange.answer()?);
            over += 1;
            if begun < job.size {
                // SAFETY: as above; what was asked before has been answered.
                unsafe { ask(&mut ring, exchange, slot, begun)? };
                begun += 1;
            }
        }
    }
    reached(job, most)?;
    Ok(sum)
}

/// # Safety
/// The exchange stays where it is, and has nothing under way.
unsafe fn ask(ring: &mut IoUring, exchange: &mut Exchange, slot: u64, n: u64) -> Result<(), BoxError> {
    exchange.asks(n);
    // Together: while the question is on its way the kernel waits for the answer already.
    // SAFETY: the caller's promise.
    unsafe {
        push(ring, &exchange.send().user_data(SENT))?;
        push(ring, &exchange.receive().user_data(slot))
    }
}

/// # Safety
/// What the entry points to stays where it is until the kernel is done with it.
unsafe fn push(ring: &mut IoUring, entry: &Entry) -> Result<(), BoxError> {
    // SAFETY: the caller's promise.
    Ok(unsafe { ring.submission().push(entry) }?)
}

/// Bytes that the kernel has read or written; none is the end.
fn length(result: i32) -> Result<usize, BoxError> {
    match usize::try_from(result) {
        Ok(0) => Err("it has ended".into()),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(io::Error::from_raw_os_error(-result).into()),
    }
}
