//! Reads through io_uring: one thread, and many reads at the device at once.
//!
//! The thread gathers calls from the line, hands them to the kernel, and wakes who waits for those that are over together. What lies in the
//! system's cache is read while it hands over: those are handed over together, which is one system call. The rest comes when the device has
//! it: those are handed over one by one, since the kernel keeps reads that come together until it has seen the last of them, and a device
//! that has nothing to do meanwhile loses a sixth of its rate. Which it is the thread sees from what is over at once.
//!
//! While a read is under way the kernel owns its buffer and its file. Both lie in a [`Flight`], which leaves the ring only when the kernel
//! has said that it is done: whoever waited may be gone by then, and the thread does not end before. So a call that is dropped holds its buffer
//! until the device has answered, and no pool can lend it in between.
#![expect(
    unsafe_code,
    reason = "the kernel is given addresses: of buffers that it owns until it says that it is done"
)]

use super::call::{Call, Open, Serve};
use super::queue::Queue;
use super::read::Read;
use crate::contained::contained;
use crate::pool::Buffer;
use io_uring::opcode::{self, AsyncCancel};
use io_uring::squeue::Entry;
use io_uring::types::Fd;
use io_uring::{IoUring, Probe};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// Names of operations that are no read: those have the number of their flight.
const BELL: u64 = u64::MAX;
const CANCEL: u64 = u64::MAX - 1;

/// Where the kernel writes the byte that wakes the thread. Nobody reads it, and it is always there.
static HEARD: AtomicU8 = AtomicU8::new(0);

/// How often a ring that is of no more use looks for calls.
const LOOK: Duration = Duration::from_millis(10);

/// A ring with its thread, which ends with the last who may call.
#[derive(Clone)]
pub(super) struct Ring {
    open: Arc<Open<Read, io::Result<Buffer>>>,
}

impl Ring {
    /// For this many reads at once.
    ///
    /// # Errors
    /// What the system says, if it refuses a ring, a pipe or a thread.
    pub(super) fn new(depth: usize) -> io::Result<Self> {
        Self::served_by(depth, Flights::serve)
    }

    fn served_by(depth: usize, serve: fn(Flights, &Line)) -> io::Result<Self> {
        let ring = IoUring::new((2 * depth as u32 + 1).next_power_of_two())?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if ![opcode::Read::CODE, AsyncCancel::CODE].iter().all(|code| probe.is_supported(*code)) {
            return Err(ErrorKind::Unsupported.into());
        }
        let (ear, bell) = io::pipe()?;
        let line = Arc::new(Line { queue: Mutex::new(Queue::new()), bell });
        // Dropped on failure, it ends the thread.
        let open = Arc::new(Open(line.clone()));
        let flights = Flights {
            ring,
            ear,
            is_listening: false,
            has_heard: false,
            waits_for_device: false,
            is_ending: false,
            flights: (0..depth).map(|_| None).collect(),
            free: (0..depth).collect(),
            over: Vec::with_capacity(depth),
        };
        thread::Builder::new().name("ring".to_owned()).spawn(move || serve(flights, &line))?;
        Ok(Ring { open })
    }

    pub(super) fn call(&self, read: Read) -> Call<Read, io::Result<Buffer>> {
        Call::new(self.open.clone(), read)
    }
}

/// The line, and how to wake the thread while it waits in the kernel.
struct Line {
    queue: Mutex<Queue<Read, io::Result<Buffer>>>,
    bell: PipeWriter,
}

impl Serve<Read, io::Result<Buffer>> for Line {
    fn queue(&self) -> &Mutex<Queue<Read, io::Result<Buffer>>> {
        &self.queue
    }

    /// Rings, if the thread sleeps until it is told and nobody has rung: so there is never more than a byte in the pipe.
    fn changed(&self, mut queue: MutexGuard<'_, Queue<Read, io::Result<Buffer>>>) {
        let rings = (queue.asleep > 0 || queue.is_closed) && !queue.is_called;
        queue.is_called |= rings;
        drop(queue);
        if rings {
            // It fails only if the thread is gone.
            let _ = (&self.bell).write(&[0]);
        }
    }
}

/// A read that the kernel has.
struct Flight {
    /// Its place in the line.
    at: usize,
    read: Read,
}

/// What the thread has.
struct Flights {
    ring: IoUring,
    ear: PipeReader,
    /// The kernel has the read of the bell.
    is_listening: bool,
    has_heard: bool,
    /// Most of the reads that were handed over last were not over at once.
    waits_for_device: bool,
    /// The kernel was told to end what it has.
    is_ending: bool,
    /// Whoever takes one out knows that the kernel is done with it.
    flights: Box<[Option<Flight>]>,
    free: Vec<usize>,
    /// Reads that are over, by their place in the line.
    over: Vec<(usize, thread::Result<io::Result<Buffer>>)>,
}

/// Only a failure leaves any: the kernel still has them, so they are never freed.
impl Drop for Flights {
    fn drop(&mut self) {
        self.flights.iter_mut().filter_map(Option::take).for_each(std::mem::forget);
    }
}

impl Flights {
    /// What the thread does, until the line is closed and the kernel has given all back.
    fn serve(mut self, line: &Line) {
        let (mut woken, mut unwanted) = (Vec::new(), Vec::new());
        loop {
            let mut queue = line.lock();
            queue.asleep = 0;
            queue.is_called &= !std::mem::take(&mut self.has_heard);
            unwanted.extend(self.over.drain(..).filter_map(|(at, read)| queue.finish(at, read)));
            while let Some(number) = self.free.pop() {
                let Some((at, read)) = queue.take() else {
                    self.free.push(number);
                    break;
                };
                self.flights[number] = Some(Flight { at, read });
                self.read(number);
            }
            std::mem::swap(&mut queue.woken, &mut woken);
            // A task that is woken may call at once, and need not ring for that.
            let sleeps = woken.is_empty();
            // Without room a call need not ring either: a read that is over wakes the thread before it could be made.
            queue.asleep = usize::from(sleeps && !self.free.is_empty());
            let is_closed = queue.is_closed;
            drop(queue);
            if is_closed && !std::mem::replace(&mut self.is_ending, true) {
                self.cancel();
            }
            // Before anybody is woken, who may want this processor: meanwhile the device would have nothing to do.
            let handed = if sleeps { Ok(()) } else { self.hand_over() };
            // Foreign code, and therefore without the lock.
            unwanted.drain(..).for_each(|read| contained(|| drop(read)));
            woken.drain(..).for_each(|waker| contained(|| waker.wake()));
            if is_closed && self.free.len() == self.flights.len() {
                return;
            }
            if let Err(error) = handed.and_then(|()| if sleeps { self.wait() } else { Ok(()) }) {
                return self.refuse(line, &error);
            }
            self.reap();
        }
    }

    /// The ring is of no more use, which no kernel should say: all calls get its error. What the kernel has it keeps.
    fn refuse(mut self, line: &Line, error: &io::Error) {
        let refused = || {
            Ok(Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)))
        };
        let kept = self.flights.iter_mut().filter_map(Option::take);
        self.over.extend(kept.map(|Flight { at, read }| {
            std::mem::forget(read);
            (at, refused())
        }));
        let (mut woken, mut unwanted, mut unread) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let mut queue = line.lock();
            // Nobody rings: it is the ring that would listen.
            queue.asleep = 0;
            while let Some((at, read)) = queue.take() {
                unread.push(read);
                self.over.push((at, refused()));
            }
            unwanted.extend(self.over.drain(..).filter_map(|(at, read)| queue.finish(at, read)));
            std::mem::swap(&mut queue.woken, &mut woken);
            let is_closed = queue.is_closed;
            drop(queue);
            unread.drain(..).for_each(|read| contained(|| drop(read)));
            unwanted.drain(..).for_each(|read| contained(|| drop(read)));
            woken.drain(..).for_each(|waker| contained(|| waker.wake()));
            if is_closed {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Hands what is left of a read to the kernel.
    fn read(&mut self, number: usize) {
        let Some(Flight { read, .. }) = &mut self.flights[number] else { return };
        let (offset, fd) = (read.next(), Fd(read.file.as_raw_fd()));
        let rest = read.rest();
        let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry = opcode::Read::new(fd, rest.as_mut_ptr(), length).offset(offset).build();
        // SAFETY: the memory and the file belong to the flight. The memory is on the heap and does not move with it; nobody looks at it, and
        // neither is dropped, before `complete` takes the flight out, which it does once the kernel is done.
        unsafe { self.push(&entry.user_data(number as u64)) };
    }

    /// # Safety
    /// What the entry points to stays where it is until the kernel is done with it.
    unsafe fn push(&mut self, entry: &Entry) {
        // SAFETY: the caller's promise.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.expect("there is an entry for each read, one to cancel it, and one for the bell");
    }

    /// The kernel is to end what it has. It says so of each.
    fn cancel(&mut self) {
        for number in 0..self.flights.len() {
            if self.flights[number].is_some() {
                // SAFETY: it points to nothing.
                unsafe { self.push(&AsyncCancel::new(number as u64).build().user_data(CANCEL)) };
            }
        }
    }

    /// Tells the kernel of all that is new, if there is anything.
    fn hand_over(&mut self) -> io::Result<()> {
        let new = self.ring.submission().len();
        if new == 0 {
            return Ok(());
        }
        if self.waits_for_device {
            for _ in 0..new {
                // SAFETY: there is no argument, and the memory that entries point to is that of the flights.
                passed(unsafe { self.ring.submitter().enter::<()>(1, 0, 0, None) })?;
            }
        } else {
            self.enter(0)?;
        }
        self.waits_for_device = 2 * self.ring.completion().len() < new;
        Ok(())
    }

    /// The same, and waits until something is over, or the bell rings.
    fn wait(&mut self) -> io::Result<()> {
        self.hand_over()?;
        if !self.ring.completion().is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.is_listening, true) {
            let entry = opcode::Read::new(Fd(self.ear.as_raw_fd()), HEARD.as_ptr(), 1).build();
            // SAFETY: a static that only the kernel writes to. The pipe belongs to the kernel as well, once it has the entry.
            unsafe { self.push(&entry.user_data(BELL)) };
        }
        self.enter(1)
    }

    fn enter(&mut self, least: usize) -> io::Result<()> {
        passed(self.ring.submit_and_wait(least))
    }

    /// Takes what is over.
    fn reap(&mut self) {
        while let Some(done) = { self.ring.completion().next() } {
            match done.user_data() {
                BELL => (self.is_listening, self.has_heard) = (false, true),
                CANCEL => {}
                number => self.complete(number as usize, done.result()),
            }
        }
    }

    /// The kernel is done with a read: it has given this many bytes, or an error.
    fn complete(&mut self, number: usize, result: i32) {
        let Some(Flight { at, mut read }) = self.flights[number].take() else { return };
        let given = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        if read.goes_on(given) && !self.is_ending {
            self.flights[number] = Some(Flight { at, read });
            return self.read(number);
        }
        self.free.push(number);
        // To give a buffer back wakes who waits for one, which is foreign code.
        self.over.push((at, catch_unwind(AssertUnwindSafe(|| read.end()))));
    }
}

/// An error, unless the kernel may say otherwise next time: it was interrupted, has no memory at the moment, or wants its answers taken first.
/// What it has not taken lies in the ring, and goes with what comes next.
fn passed(entered: io::Result<usize>) -> io::Result<()> {
    let is_passing =
        |kind| matches!(kind, ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::ResourceBusy);
    match entered {
        Err(error) if !is_passing(error.kind()) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::pool::{BufferClass, BufferPool};

    #[tokio::test]
    async fn a_ring_that_is_of_no_more_use_says_so_of_each_read() {
        // EBADF: it was closed beneath us.
        let broken = |flights: Flights, line: &Line| flights.refuse(line, &io::Error::from_raw_os_error(9));
        let Ok(ring) = Ring::served_by(4, broken) else { return eprintln!("skipped: io_uring is refused") };
        let buffers =
            BufferPool::new(&[BufferClass { bytes: 4096, most: 10 }], Duration::from_secs(60)).unwrap();
        let file = Arc::new(tempfile::tempfile().unwrap());
        for _ in 0..20 {
            let read = Read::new(file.clone(), 0, buffers.get(1).await.unwrap());
            assert_eq!(ring.call(read).await.unwrap_err().raw_os_error(), Some(9));
        }
        // Each buffer comes back, if perhaps a moment after its error.
        let mut all = Vec::new();
        for _ in 0..10 {
            all.push(buffers.get(1).await.unwrap());
        }
        drop(ring);
    }
}
