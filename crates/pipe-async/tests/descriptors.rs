//! No file descriptors left: clear errors or a wait with a limit, and work goes on when there are some again. Each test is a process of its
//! own, since the limit is that of a process.
#![cfg(all(feature = "net", target_os = "linux"))]

use pipe_async::{
    Async, BufferClass, BufferPool, ConnectionPool, Dial, Endpoint, FileEngine, FileReader, Framing,
    HopSettings, Hops, ListenSettings, Listener, NetError, PoolError, PoolSettings, ReaderSettings,
    WireLimits, WireSink,
};
use pipe_core::{Event, Inline, RunError, Source, exponential, from_iter};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Is set in the process that a test is run in.
const ALONE: &str = "PIPE_TEST_WITHOUT_DESCRIPTORS";

/// A minute is the longest that anybody waits here; it is not what is tested.
const LONG: Duration = Duration::from_secs(60);

/// Runs the test of this name in a process of its own.
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([name, "--exact", "--nocapture"]).env(ALONE, "").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// As long as this lives the process gets no descriptor beyond standard input, output and error; it keeps those that it has.
struct NoneLeft(Rlimit);

impl NoneLeft {
    fn new() -> Self {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), maximum: before.maximum }).unwrap();
        assert!(is_none_left(&File::open("/dev/null").unwrap_err()));
        NoneLeft(before)
    }
}

impl Drop for NoneLeft {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

fn is_none_left(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
}

fn is_refused(error: &NetError) -> bool {
    matches!(error, NetError::Connect { source, .. } if is_none_left(source))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Somebody who listens, and takes no notice of who connects.
fn server() -> (TcpListener, Endpoint) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::tcp(server.local_addr().unwrap().to_string());
    (server, endpoint)
}

/// A listener at work, which serves one peer, while another waits in the system's line.
struct Serving {
    run: JoinHandle<Result<Vec<Vec<u8>>, RunError>>,
    served: TcpStream,
    waiting: TcpStream,
}

impl Serving {
    fn new(accept_timeout: Duration) -> Self {
        let settings = ListenSettings { max_connections: 1, accept_timeout, ..ListenSettings::default() };
        let listener = Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, settings).unwrap();
        let Endpoint::Tcp(address) = listener.endpoint().clone() else { unreachable!() };
        let (seen, has_seen): (_, Receiver<()>) = channel();
        let run = thread::spawn(move || {
            let lines =
                listener.connections(2).pipeline().try_map(|arrived| arrived).map(|frame| frame.bytes);
            let lines = lines.inspect(move |_| _ = seen.send(())).collect();
            lines.run_on(&Inline).map(|report| report.value)
        });
        let mut served = TcpStream::connect(&address).unwrap();
        served.write_all(b"one\n").unwrap();
        has_seen.recv_timeout(LONG).unwrap();
        let mut waiting = TcpStream::connect(&address).unwrap();
        waiting.write_all(b"two\nthree\n").unwrap();
        Serving { run, served, waiting }
    }
}

#[test]
fn a_listener_asks_ten_times_a_second_fails_when_its_time_is_over_and_goes_on_before() {
    alone("a_listener_asks_ten_times_a_second_fails_when_its_time_is_over_and_goes_on_before", || {
        let (hasty, patient) = (Serving::new(Duration::from_millis(300)), Serving::new(LONG));
        let none_left = NoneLeft::new();
        // Now the seats are free, and what comes next is to be accepted.
        drop((hasty.served, patient.served));
        let failed = hasty.run.join().unwrap().unwrap_err();
        let Some(NetError::Accept { waited, attempts, source, .. }) = failed.stage_error() else {
            panic!("{failed}")
        };
        // Fewer on a busy machine, but never more.
        assert!((2..=4).contains(attempts) && *waited >= Duration::from_millis(300), "{failed}");
        assert!(is_none_left(source), "{failed}");
        drop(none_left);
        drop(patient.waiting);
        assert_eq!(patient.run.join().unwrap().unwrap(), [&b"one"[..], b"two", b"three"]);
    });
}

#[test]
fn a_listener_that_begins_without_descriptors_says_so() {
    alone("a_listener_that_begins_without_descriptors_says_so", || {
        let place = Endpoint::tcp("127.0.0.1:0");
        let bind = || Listener::bind(&place, Framing::Lines, ListenSettings::default());
        let listener = bind().unwrap();
        let _none_left = NoneLeft::new();
        let refused = bind().unwrap_err();
        assert!(matches!(&refused, NetError::Bind { source, .. } if is_none_left(source)), "{refused}");
        let failed =
            listener.pipeline().try_map(|arrived| arrived).for_each(drop).run_on(&Inline).unwrap_err();
        let Some(NetError::Bind { source, .. }) = failed.stage_error() else { panic!("{failed}") };
        assert!(is_none_left(source), "{failed}");
        let failed =
            from_iter(0..3).map_async(|n| async move { n }).collect().run_on(&Async::tokio().blocking());
        assert!(matches!(failed, Err(RunError::Config { field: "runtime", .. })), "{failed:?}");
    });
}

#[test]
fn a_dial_a_sink_and_a_pool_fail_after_one_try_and_connect_when_there_are_descriptors() {
    alone("a_dial_a_sink_and_a_pool_fail_after_one_try_and_connect_when_there_are_descriptors", || {
        let (_server, to) = server();
        let dial = Dial::new(to.clone(), Framing::Lines, WireLimits::default()).unwrap();
        let pool = ConnectionPool::new(dial.clone(), PoolSettings::default()).unwrap();
        let sink = || WireSink::connect(&to, Framing::Lines, WireLimits::default());
        runtime().block_on(async {
            let none_left = NoneLeft::new();
            assert!(is_refused(&dial.dial().await.unwrap_err()));
            assert!(is_refused(&sink().unwrap_err()));
            let PoolError::Connect { source, .. } = pool.acquire().await.unwrap_err() else {
                panic!("no time was over")
            };
            assert!(is_refused(source.downcast_ref().unwrap()), "{source}");
            let statistics = pool.statistics();
            assert_eq!((statistics.failed, statistics.opened, statistics.open), (1, 0, 0));
            drop(none_left);
            dial.dial().await.unwrap();
            sink().unwrap();
            pool.acquire().await.unwrap().reuse();
            assert_eq!((pool.statistics().failed, pool.statistics().opened), (1, 1));
        });
    });
}

#[test]
fn operations_without_descriptors_are_tried_again_as_their_policy_says_and_go_on_when_there_are_some() {
    alone(
        "operations_without_descriptors_are_tried_again_as_their_policy_says_and_go_on_when_there_are_some",
        || {
            let (_server, to) = server();
            let dial = Dial::new(to, Framing::Lines, WireLimits::default()).unwrap();
            let (tries, failures) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let (tried, failed) = (tries.clone(), failures.clone());
            let runtime = runtime();
            let none_left = Arc::new(Mutex::new(Some(NoneLeft::new())));
            let connections = from_iter(0..20u32).try_map_async(move |n| {
                let (dial, tried, failed, none_left) =
                    (dial.clone(), tried.clone(), failed.clone(), none_left.clone());
                async move {
                    tried.fetch_add(1, SeqCst);
                    let dialled = dial.dial().await;
                    // The fifth failure brings the descriptors back.
                    if dialled.is_err() && failed.fetch_add(1, SeqCst) == 4 {
                        none_left.lock().unwrap().take();
                    }
                    dialled.map(|_| n)
                }
            });
            let retried =
                connections.concurrency(2).retry(exponential(10).first(Duration::from_millis(1))).collect();
            let report = runtime.block_on(async { retried.run_on(&Async::tokio()).await.unwrap() });
            assert_eq!(report.value, (0..20).collect::<Vec<_>>());
            assert_eq!((failures.load(SeqCst), tries.load(SeqCst)), (5, 25));
        },
    );
}

#[test]
fn what_is_open_is_read_without_descriptors_and_what_is_to_be_opened_fails_once() {
    alone("what_is_open_is_read_without_descriptors_and_what_is_to_be_opened_fails_once", || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10_000]).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let buffers = BufferPool::new(&[BufferClass { bytes: 4096, most: 2 }], LONG).unwrap();
        let reader = FileReader::new(ReaderSettings::default(), buffers).unwrap();
        let tries = Arc::new(AtomicU32::new(0));
        let tried = tries.clone();
        let opens = Hops::new(HopSettings::default(), move |()| {
            tried.fetch_add(1, SeqCst);
            File::open(&path)
        });
        let opens = opens.unwrap();
        runtime().block_on(async {
            let none_left = NoneLeft::new();
            for offset in [0, 4096, 8192] {
                let read = reader.read_at(&file, offset, 4096).await.unwrap();
                assert!(
                    read.len() == (10_000 - offset as usize).min(4096) && read.iter().all(|byte| *byte == 7)
                );
            }
            assert!(is_none_left(&opens.call(()).await.unwrap_err()));
            drop(none_left);
            let again = Arc::new(opens.call(()).await.unwrap());
            assert_eq!(reader.read_at(&again, 8192, 4096).await.unwrap().len(), 10_000 - 8192);
            assert_eq!(tries.load(SeqCst), 2);
        });
    });
}

#[test]
fn a_ring_without_descriptors_is_threads_and_the_reader_says_so() {
    alone("a_ring_without_descriptors_is_threads_and_the_reader_says_so", || {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100]).unwrap();
        let file = Arc::new(file);
        let settings = ReaderSettings { engine: FileEngine::Ring, ..ReaderSettings::default() };
        runtime().block_on(async {
            let none_left = NoneLeft::new();
            let reader = FileReader::new(settings, BufferPool::default()).unwrap();
            assert_eq!(reader.engine(), FileEngine::Threads);
            let Some(told @ Event::Fallback { wanted, got, .. }) = reader.fallback() else { unreachable!() };
            assert_eq!((wanted.as_str(), got.as_str()), ("io_uring", "threads"), "{told}");
            assert_eq!(reader.read_at(&file, 0, 4096).await.unwrap()[..], [7; 100]);
            drop(none_left);
            // Without the feature, or where the system refuses it, there is none either.
            let again = FileReader::new(settings, BufferPool::default()).unwrap();
            assert_eq!(again.fallback().is_some(), again.engine() == FileEngine::Threads);
        });
    });
}
