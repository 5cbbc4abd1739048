//! Causes that are injected into closures and nowhere else, stage and cause drawn at random: is the part named that was slowed down, and
//! what it lacks? On request: `cargo test -p docs --test causes -- --ignored --nocapture`.
//!
//! The injected part costs some thirty times what the others do, so a busy machine changes nothing but how long it takes. That a wait is told from
//! another at all is tested without time, in `crates/pipe-metrics/tests/resources.rs`.

mod five_parts;

use five_parts::{five_parts, work};
use pipe_async::{Async, sleep};
use pipe_core::{FromIter, Limit, Part, Report, Source};
use pipe_metrics::{Diagnosis, Doing, Resources};
use pipe_parallel::Parallel;
use std::cell::RefCell;
use std::convert::Infallible;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A row of numbers that look random, the same for each seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % n
    }
}

/// What the slow part does for each item, beside what all parts do.
const SLOW: u64 = 600;

/// What slows a part down. Each is an ordinary call inside of a closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Computes,
    /// Another thread has to do something first: one that all callers share.
    WaitsForThread,
    WaitsForSocket,
    WaitsForProcess,
    WaitsForDisk,
}

const CAUSES: [Cause; 5] = [
    Cause::Computes,
    Cause::WaitsForThread,
    Cause::WaitsForSocket,
    Cause::WaitsForProcess,
    Cause::WaitsForDisk,
];

impl Cause {
    fn expected(self) -> Doing {
        match self {
            Cause::Computes => Doing::Computing,
            Cause::WaitsForThread => Doing::Lock,
            Cause::WaitsForSocket => Doing::Network,
            Cause::WaitsForProcess => Doing::Process,
            Cause::WaitsForDisk => Doing::Disk,
        }
    }

    /// As a user would write it; what it waits for lives on threads that no pipeline knows.
    fn injected(self) -> Arc<dyn Fn() + Send + Sync> {
        match self {
            Cause::Computes => Arc::new(|| work(SLOW)),
            Cause::WaitsForThread => {
                let (asks, asked) = channel::<Sender<()>>();
                thread::spawn(move || {
                    asked.iter().for_each(|answer| {
                        work(SLOW);
                        let _ = answer.send(());
                    });
                });
                let asks = Mutex::new(asks);
                Arc::new(move || {
                    let (answer, answered) = channel();
                    asks.lock().unwrap().send(answer).unwrap();
                    answered.recv().unwrap();
                })
            }
            Cause::WaitsForSocket => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                thread::spawn(move || {
                    listener.incoming().for_each(|stream| drop(thread::spawn(|| echo(stream.unwrap()))))
                });
                Arc::new(move || {
                    thread_local! { static HERE: RefCell<Option<(std::net::SocketAddr, TcpStream)>> = const { RefCell::new(None) } }
                    HERE.with_borrow_mut(|here| {
                        if here.as_ref().is_none_or(|(there, _)| *there != address) {
                            *here = Some((address, TcpStream::connect(address).unwrap()));
                        }
                        let (_, stream) = here.as_mut().unwrap();
                        stream.write_all(&[1]).unwrap();
                        stream.read_exact(&mut [0]).unwrap();
                    });
                })
            }
            Cause::WaitsForProcess => {
                let pairs = Mutex::new(Vec::<(PipeWriter, PipeReader)>::new());
                Arc::new(move || {
                    let free = pairs.lock().unwrap().pop();
                    let (mut there, mut back) = free.unwrap_or_else(answering_pipe);
                    there.write_all(&[1]).unwrap();
                    back.read_exact(&mut [0]).unwrap();
                    pairs.lock().unwrap().push((there, back));
                })
            }
            Cause::WaitsForDisk => Arc::new(|| {
                thread_local! { static FILE: RefCell<File> = RefCell::new(tempfile::tempfile().unwrap()) }
                FILE.with_borrow_mut(|file| {
                    file.write_all(&[7; 8192]).unwrap();
                    file.sync_data().unwrap();
                });
            }),
        }
    }
}

fn echo(mut stream: TcpStream) {
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        work(SLOW);
        if stream.write_all(&byte).is_err() {
            return;
        }
    }
}

/// A pipe to somebody who works, and the one by which the answer comes.
fn answering_pipe() -> (PipeWriter, PipeReader) {
    let ((mut asked, asks), (answered, mut answers)) = (pipe().unwrap(), pipe().unwrap());
    thread::spawn(move || {
        let mut byte = [0];
        while asked.read_exact(&mut byte).is_ok() {
            work(SLOW);
            let _ = answers.write_all(&byte);
        }
    });
    (asks, answered)
}

const ITEMS: u64 = 2_000;

/// The five parts, of which one is slow.
fn parts(slow: usize, cause: Cause) -> [Arc<dyn Fn() + Send + Sync>; 5] {
    let injected = cause.injected();
    [0, 1, 2, 3, 4].map(|part| {
        let injected = (part == slow).then(|| injected.clone());
        let part: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            work(20);
            injected.iter().for_each(|cause| cause());
        });
        part
    })
}

const PARTS: [Part; 5] = [Part::Source, Part::Segment(0), Part::Segment(1), Part::Segment(2), Part::Sink];

fn told(trial: usize, slow: Part, cause: &str, found: &Diagnosis) {
    println!("{trial:>2}. {slow}, {cause}: {found}");
}

#[test]
#[ignore = "seconds, and most of them waits: on request"]
fn on_two_workers_of_twenty_causes_part_and_resource_are_right() {
    let mut draw = Draw(11);
    let mut wrong = Vec::new();
    for trial in 1..=20 {
        let (slow, cause) = (draw.below(5), CAUSES[draw.below(5)]);
        let (report, resources) = five_parts(ITEMS, parts(slow, cause), &Parallel::new().workers(2));
        let found = resources.diagnosis(&report).expect("it stands out");
        told(trial, PARTS[slow], &format!("{cause:?}"), &found);
        if (found.bottleneck.part, found.doing) != (PARTS[slow], Some(cause.expected())) {
            wrong.push(format!(
                "{trial}: {cause:?} in the {}: {found}\n{:?}\n{report}",
                PARTS[slow],
                resources.usage()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Source, a sync segment, an async stage, a sync segment, sink.
async fn on_a_reactor(
    parts: [Arc<dyn Fn() + Send + Sync>; 4],
    operation: Option<Duration>,
) -> (Report<()>, Resources) {
    let resources = Resources::new();
    let [read, parse, render, write] = parts;
    let parsed = FromIter::new((0..ITEMS).inspect(move |_| read())).pipeline().map(move |n| {
        parse();
        n
    });
    let fetched = parsed.try_map_async(move |n| async move {
        if let Some(span) = operation {
            sleep(span).await;
        }
        Ok::<_, Infallible>(n)
    });
    let rendered = fetched.concurrency(4).map(move |n| {
        render();
        n
    });
    let whole = rendered.for_each(move |_| write()).observe(resources.clone());
    (whole.run_on(&Async::tokio()).await.unwrap(), resources)
}

#[tokio::test]
#[ignore = "seconds, and most of them waits: on request"]
async fn on_a_reactor_of_twenty_causes_part_and_resource_are_right() {
    let mut draw = Draw(5);
    let mut wrong = Vec::new();
    for trial in 1..=20 {
        let (slow, cause) = (draw.below(5), CAUSES[draw.below(5)]);
        // The third of the five is the async stage: it waits for what it calls, and no thread does.
        let operation = (slow == 2).then_some(Duration::from_millis(2));
        let [read, parse, _, render, write] = parts(if slow == 2 { usize::MAX } else { slow }, cause);
        let (report, resources) = on_a_reactor([read, parse, render, write], operation).await;
        let found = resources.diagnosis(&report).expect("it stands out");
        told(
            trial,
            PARTS[slow],
            &if slow == 2 { "operations".to_owned() } else { format!("{cause:?}") },
            &found,
        );
        let right = match slow {
            2 => (found.bottleneck.part, found.bottleneck.limit) == (PARTS[2], Limit::Concurrency),
            _ => (found.bottleneck.part, found.doing) == (PARTS[slow], Some(cause.expected())),
        };
        if !right {
            wrong.push(format!(
                "{trial}: {cause:?} in the {}: {found}\n{:?}\n{report}",
                PARTS[slow],
                resources.usage()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
