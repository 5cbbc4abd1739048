//! What the threads of a run wait for, found from outside. Each wait lasts until it was seen, so no time is measured.
#![cfg(all(feature = "resources", target_os = "linux"))]

use pipe_core::{FromIter, Inline, Part, Source};
use pipe_metrics::{Doing, Resources};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const STAGE: Part = Part::Segment(0);

fn seen(resources: &Resources, part: Part, doing: Doing) -> bool {
    resources.usage().get(&part).is_some_and(|usage| usage.looks.contains_key(&doing))
}

/// Until a thread in this part was seen doing it. One that is never seen ends with the patience, and the test fails.
fn wait_until_seen(resources: &Resources, part: Part, doing: Doing) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !seen(resources, part, doing) && Instant::now() < patience {
        thread::yield_now();
    }
}

/// Runs a stage that does this for one item, while the test looks on.
fn run(resources: &Resources, stage: impl Fn() + Send + Sync) {
    let one = FromIter::new(0..1u8).pipeline().map(move |n| {
        stage();
        n
    });
    one.for_each(drop).observe(resources.clone()).run_on(&Inline).expect("nothing fails");
}

#[test]
fn a_stage_that_waits_for_a_lock_is_seen() {
    let (resources, lock, (held, is_held)) = (Resources::new(), Mutex::new(()), mpsc::channel());
    thread::scope(|scope| {
        let (resources, lock) = (&resources, &lock);
        scope.spawn(move || {
            let _guard = lock.lock().expect("nobody panics");
            held.send(()).expect("it is waited for");
            wait_until_seen(resources, STAGE, Doing::Lock);
        });
        is_held.recv().expect("it is held");
        run(resources, || drop(lock.lock().expect("nobody panics")));
    });
    assert!(seen(&resources, STAGE, Doing::Lock), "{:?}", resources.usage());
}

#[test]
fn a_stage_that_waits_for_a_socket_is_seen() {
    let resources = Resources::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let there = TcpStream::connect(listener.local_addr().expect("it has one")).expect("it listens");
    let (mut here, _) = listener.accept().expect("it has connected");
    thread::scope(|scope| {
        let resources = &resources;
        scope.spawn(move || {
            wait_until_seen(resources, STAGE, Doing::Network);
            here.write_all(&[1]).expect("it is open");
        });
        run(resources, || (&there).read_exact(&mut [0]).expect("a byte comes"));
    });
    assert!(seen(&resources, STAGE, Doing::Network), "{:?}", resources.usage());
}

#[test]
fn a_source_that_waits_for_another_process_is_seen() {
    let resources = Resources::new();
    let (mut reader, mut writer) = std::io::pipe().expect("there are descriptors");
    thread::scope(|scope| {
        let resources = &resources;
        scope.spawn(move || {
            wait_until_seen(resources, Part::Source, Doing::Process);
            writer.write_all(&[1]).expect("it is open");
        });
        let items = std::iter::once_with(move || reader.read_exact(&mut [0]).expect("a byte comes"));
        let whole = FromIter::new(items).pipeline().for_each(drop).observe(resources.clone());
        whole.run_on(&Inline).expect("nothing fails");
    });
    assert!(seen(&resources, Part::Source, Doing::Process), "{:?}", resources.usage());
}

#[test]
fn a_sink_that_computes_is_seen_and_its_processor_time_is_its_own() {
    let resources = Resources::new();
    let watched = resources.clone();
    let whole = FromIter::new(0..1u8).pipeline().map(|n| n).for_each(move |_| {
        wait_until_seen(&watched, Part::Sink, Doing::Computing);
        // By far more than the stage before it.
        black_box((0..300_000u64).fold(1, |x, k| black_box(x ^ k)));
    });
    whole.observe(resources.clone()).run_on(&Inline).expect("nothing fails");
    let usage = resources.usage();
    assert!(seen(&resources, Part::Sink, Doing::Computing), "{usage:?}");
    // The stage before it is in the call meanwhile, and computes nothing.
    assert!(usage[&STAGE].computed < usage[&Part::Sink].computed, "{usage:?}");
}

#[test]
fn the_diagnosis_is_that_of_the_report_where_nobody_was_seen() {
    let resources = Resources::new();
    let whole = FromIter::new(0..10u8).pipeline().map(|n| n).for_each(drop);
    let mut report = whole.run_on(&Inline).expect("nothing fails");
    report.elapsed = Duration::from_secs(1);
    report.segments[0].busy = Some(Duration::from_secs(1));
    let found = resources.diagnosis(&report).expect("it stands out");
    assert_eq!((found.bottleneck.part, found.doing), (STAGE, None));
    assert_eq!(Some(found.bottleneck.part), report.bottleneck().map(|found| found.part));
}
