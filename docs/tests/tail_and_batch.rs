//! Lines from sockets, in batches, into a sink that may be slow: nothing is lost, and nothing piles up.

use docs::tail_and_batch::{Batching, Journal, Kept, MEMORY, tail_and_batch};
use pipe_async::{Endpoint, Framing, ListenSettings, Listener, WireLimits, WireSink};
use pipe_core::{BoxError, Cancel, Inline, Run, RunError, Sink, from_iter};
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A minute is the longest that anybody waits here; it is not what is tested.
const LONG: Duration = Duration::from_secs(60);

/// Batches go by their bytes alone.
const BY_BYTES: Batching = Batching { age: Duration::from_secs(1_000), bytes: 4_096 };
/// And by their age alone.
const BY_AGE: Batching = Batching { age: Duration::from_millis(2), bytes: 1 << 20 };

/// For peers on a machine that has much else to do.
const PATIENT: WireLimits =
    WireLimits { max_frame: 1 << 20, frame_timeout: LONG, idle_timeout: LONG, connect_timeout: LONG };

fn listener(settings: ListenSettings) -> Listener {
    Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, settings).unwrap()
}

/// Hands what it is given to the test, which may hold it up. It fails if the test has gone.
struct Told {
    batches: Sender<Vec<Vec<u8>>>,
    /// Before the first batch is taken.
    gate: Option<Receiver<()>>,
}

impl Sink<Vec<Vec<u8>>> for Told {
    type Done = ();

    fn write(&mut self, batch: Vec<Vec<u8>>) -> Result<(), BoxError> {
        if let Some(gate) = self.gate.take() {
            gate.recv_timeout(LONG)?;
        }
        Ok(self.batches.send(batch)?)
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

fn told() -> (Told, Receiver<Vec<Vec<u8>>>) {
    let (batches, taken) = channel();
    (Told { batches, gate: None }, taken)
}

/// Sends `PEER NUMBER` for each number, and ends well only when it is told that all was read.
fn send(
    to: &Endpoint,
    peer: u64,
    numbers: impl Iterator<Item = u64> + Send + 'static,
) -> JoinHandle<Result<u64, RunError>> {
    let to = to.clone();
    thread::spawn(move || {
        let sink = WireSink::connect(&to, Framing::Lines, PATIENT).unwrap();
        let lines = from_iter(numbers).map(move |n| format!("{peer} {n}"));
        lines.to(sink).run_on(&Inline).map(|report| report.value.frames)
    })
}

/// The numbers that have come from a peer.
fn of(peer: u64, lines: &[Vec<u8>]) -> Vec<u64> {
    let numbers = lines.iter().filter_map(|line| {
        let (from, number) = str::from_utf8(line).unwrap().split_once(' ').unwrap();
        (from == peer.to_string()).then(|| number.parse().unwrap())
    });
    numbers.collect()
}

#[test]
fn each_line_arrives_once_in_the_order_of_its_peer_and_no_batch_is_larger_than_it_may_be() {
    let listener = listener(ListenSettings::default()).connections(4);
    let senders: Vec<_> = (0..4).map(|peer| send(listener.endpoint(), peer, 0..2_000)).collect();
    let (sink, taken) = told();
    let report = tail_and_batch(listener, BY_BYTES, sink, &Run::new()).unwrap();
    assert_eq!(report.skipped(), 0);
    for sender in senders {
        assert_eq!(sender.join().unwrap().unwrap(), 2_000);
    }
    let batches: Vec<_> = taken.into_iter().collect();
    let weigh =
        |batch: &Vec<Vec<u8>>| batch.iter().map(|line| size_of::<Vec<u8>>() + line.len()).sum::<usize>();
    let heaviest = batches.iter().map(weigh).max().unwrap();
    assert!((BY_BYTES.bytes / 2..=BY_BYTES.bytes).contains(&heaviest), "{heaviest}");
    let lines = batches.concat();
    for peer in 0..4 {
        assert_eq!(of(peer, &lines), (0..2_000).collect::<Vec<_>>());
    }
}

#[test]
fn lines_go_when_they_are_old_enough_though_their_peer_has_become_silent() {
    let listener = listener(ListenSettings::default()).connections(1);
    let Endpoint::Tcp(address) = listener.endpoint().clone() else { unreachable!() };
    let (sink, taken) = told();
    let run = thread::spawn(move || tail_and_batch(listener, BY_AGE, sink, &Run::new()).unwrap());
    let mut peer = TcpStream::connect(address).unwrap();
    for round in 0..3 {
        peer.write_all(format!("{round} a\n{round} b\n").as_bytes()).unwrap();
        let mut lines = Vec::new();
        while lines.len() < 2 {
            lines.extend(taken.recv_timeout(LONG).expect("no line is kept back"));
        }
        assert_eq!(lines.concat(), format!("{round} a{round} b").as_bytes());
    }
    drop(peer);
    assert_eq!(run.join().unwrap().taken(), 6);
}

#[test]
fn a_sink_that_stands_still_makes_its_peers_wait_and_gets_all_of_it_in_the_end() {
    const LINES: usize = 64 << 10;
    let listener =
        listener(ListenSettings { max_queued: 64 << 10, ..ListenSettings::default() }).connections(1);
    let Endpoint::Tcp(address) = listener.endpoint().clone() else { unreachable!() };
    let (open, gate) = channel();
    let (sink, taken) = told();
    let sink = Told { gate: Some(gate), ..sink };
    let run = thread::spawn(move || {
        tail_and_batch(listener, Batching { bytes: 64 << 10, ..BY_BYTES }, sink, &Run::new())
    });
    let reader = thread::spawn(move || taken.into_iter().flatten().collect::<Vec<_>>());

    let mut peer = TcpStream::connect(address).unwrap();
    // How long nobody reads before the sink goes on. Were it too short, nothing here would fail.
    peer.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let (mut open, mut sent) = (Some(open), 0);
    for n in 0..LINES {
        let line = format!("{n:01023}\n");
        let mut left = line.as_bytes();
        while !left.is_empty() {
            match peer.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if let Some(open) = open.take() {
                        sent = n << 10;
                        open.send(()).unwrap();
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    drop(peer);
    assert!(open.is_none(), "all of it was taken, though the sink took nothing");
    let report = run.join().unwrap().unwrap();
    // Where nothing is on its way, a batch is let in whatever the limit says.
    assert!(report.peak_bytes <= MEMORY + MEMORY / 4, "{} bytes", report.peak_bytes);
    assert!(sent < (LINES << 10) - MEMORY / 2, "{sent} bytes were taken");
    let lines = reader.join().unwrap();
    assert_eq!(lines.len(), LINES);
    assert!(lines.iter().enumerate().all(|(n, line)| line == format!("{n:01023}").as_bytes()));
}

/// Stops the listener at its third batch.
struct Stopping {
    sink: Told,
    stop: Cancel,
    left: u32,
}

impl Sink<Vec<Vec<u8>>> for Stopping {
    type Done = ();

    fn write(&mut self, batch: Vec<Vec<u8>>) -> Result<(), BoxError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.stop.cancel();
        }
        self.sink.write(batch)
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn stopped_it_has_all_lines_of_who_was_heard_to_the_end_and_the_first_ones_of_who_learns_that_it_was_not() {
    let stop = Cancel::new();
    let listener =
        listener(ListenSettings { max_queued: 64 << 10, ..ListenSettings::default() }).until(&stop);
    let to = listener.endpoint().clone();
    let (sink, taken) = told();
    let sink = Stopping { sink, stop, left: 3 };
    let run = thread::spawn(move || tail_and_batch(listener, BY_BYTES, sink, &Run::new()));
    // All of it fits into one batch, so the third one has to wait for the other peer.
    assert_eq!(send(&to, 0, 0..100).join().unwrap().unwrap(), 100);
    send(&to, 1, 0..).join().unwrap().expect_err("it was not read to the end");
    run.join().unwrap().expect("it ends well");
    let lines = taken.into_iter().collect::<Vec<_>>().concat();
    assert_eq!(of(0, &lines), (0..100).collect::<Vec<_>>());
    let first = of(1, &lines);
    let whole = first.iter().copied().eq(0..first.len() as u64);
    assert!(
        whole && !first.is_empty() && first.len() + 100 == lines.len(),
        "{} of {}",
        first.len(),
        lines.len()
    );
}

#[test]
fn a_peer_that_sends_too_long_a_line_is_counted_and_the_others_are_heard() {
    let limits = WireLimits { max_frame: 10, ..WireLimits::default() };
    let listener = listener(ListenSettings { limits, ..ListenSettings::default() }).connections(2);
    let to = listener.endpoint().clone();
    let Endpoint::Tcp(address) = &to else { unreachable!() };
    TcpStream::connect(address).unwrap().write_all(&[b'x'; 11]).unwrap();
    let (sink, taken) = told();
    let good = send(&to, 7, 0..9);
    let report = tail_and_batch(listener, BY_BYTES, sink, &Run::new()).unwrap();
    assert_eq!((good.join().unwrap().unwrap(), report.skipped()), (9, 1));
    assert_eq!(of(7, &taken.into_iter().collect::<Vec<_>>().concat()), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_journal_adds_to_what_is_there_and_says_what_it_has_added() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    for (round, whole) in ["0 0\n0 1\n", "0 0\n0 1\n1 0\n1 1\n"].into_iter().enumerate() {
        let listener = listener(ListenSettings::default()).connections(1);
        let sender = send(listener.endpoint(), round as u64, 0..2);
        let journal = Journal::open(&file, Duration::ZERO).unwrap();
        let report = tail_and_batch(listener, BY_BYTES, journal, &Run::new()).unwrap();
        assert_eq!(report.value, Kept { batches: 1, lines: 2, bytes: 8 });
        assert_eq!(sender.join().unwrap().unwrap(), 2);
        assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_and_cuts_its_peers_off() {
    let listener = listener(ListenSettings::default());
    let sender = send(listener.endpoint(), 0, 0..);
    let journal = Journal::open("/dev/full".as_ref(), Duration::ZERO).unwrap();
    let failed = tail_and_batch(listener, BY_BYTES, journal, &Run::new()).unwrap_err();
    assert!(matches!(failed, RunError::Sink { .. }), "{failed}");
    sender.join().unwrap().expect_err("nobody has read it");
}
