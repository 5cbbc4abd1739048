//! Jobs whose parts are processes, over each transport: all in one, or each on its own.
#![cfg(feature = "transport")]

#[cfg(feature = "nats")]
mod nats_server;

use pipe_async::{
    DistributeError, Distributed, FrameLimits, LocalTransport, Role, StreamSettings, StreamSink, Taken,
    Transport, TransportError, WorkerSettings, distribute, key_of, replay,
};
use pipe_core::{Cancel, Inline, RunError, Sink, Source, exponential, from_iter};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough that it is over only if something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(2),
    max_bytes: 8 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(120),
    patience: PATIENCE,
    in_flight: 16,
};

fn settings() -> WorkerSettings {
    let limits = FrameLimits { items: 10, linger: None, ..FrameLimits::default() };
    let backoff = exponential(9).first(Duration::from_millis(1)).most(Duration::from_millis(5));
    WorkerSettings { max_attempts: 3, backoff, limits, ..WorkerSettings::default() }
}

/// Runs a law over each transport.
fn over_each(name: &str, law: fn(Arc<dyn Transport>)) {
    over_each_with(STREAMS, name, law);
}

fn over_each_with(streams: StreamSettings, name: &str, law: fn(Arc<dyn Transport>)) {
    let _ = name;
    law(Arc::new(LocalTransport::new(streams).unwrap()));
    #[cfg(feature = "nats")]
    if let Some(server) = nats_server::NatsServer::start(name) {
        let options = pipe_async::NatsOptions::new([server.url.clone()]);
        law(Arc::new(pipe_async::Nats::connect(&options, streams).unwrap()));
    }
}

type Counts = Mutex<BTreeMap<u64, u64>>;

/// `items` numbers, squared and counted.
fn squares<'j>(transport: &Arc<dyn Transport>, items: u64, counts: &'j Counts) -> Distributed<'j> {
    distribute(Arc::new(transport.clone()), "job")
        .settings(settings())
        .source(move |sink| Ok(from_iter(0..items).to(sink).run_on(&Inline)?.value))
        .stage("square", |items: Taken<u64>| {
            Ok(items.pipeline().map(|n| n * n).collect().run_on(&Inline)?.value)
        })
        .sink("count", |squares| {
            let mut counts = counts.lock().unwrap();
            squares.for_each(|square| *counts.entry(square).or_default() += 1);
            Ok(())
        })
}

fn each_once(items: u64) -> BTreeMap<u64, u64> {
    (0..items).map(|n| (n * n, 1)).collect()
}

fn run(job: Distributed<'_>, role: &str) -> Result<pipe_async::Done, DistributeError> {
    let Ok(role) = role.parse::<Role>();
    job.run(&role, &Cancel::new())
}

#[test]
fn one_process_with_all_roles_ends_by_itself_with_every_item_counted_once() {
    fn law(transport: Arc<dyn Transport>) {
        let counts = Counts::default();
        let done = run(squares(&transport, 1_005, &counts), "all").unwrap();
        let sent = done.sent.unwrap();
        assert_eq!((sent.items, sent.messages, sent.duplicates), (1_005, 101, 0));
        assert_eq!((done.worked["square"].items, done.worked["count"].items), (1_005, 1_005));
        assert_eq!(done.letters(), 0);
        assert_eq!(*counts.lock().unwrap(), each_once(1_005));
    }
    over_each("one_process_with_all_roles", law);
}

#[test]
fn parts_on_their_own_do_what_they_do_together_whoever_comes_first() {
    fn law(transport: Arc<dyn Transport>) {
        let counts = Counts::default();
        let part = |role: &str| run(squares(&transport, 500, &counts), role).unwrap();
        std::thread::scope(|scope| {
            let sink = scope.spawn(|| part("count"));
            let workers = [scope.spawn(|| part("square")), scope.spawn(|| part("square"))];
            let source = part("source");
            assert_eq!((source.sent.unwrap().items, source.worked.len()), (500, 0));
            let worked = workers.map(|worker| worker.join().unwrap().worked["square"].items);
            assert_eq!(worked.iter().sum::<u64>(), 500);
            assert_eq!(sink.join().unwrap().worked["count"].items, 500);
        });
        assert_eq!(*counts.lock().unwrap(), each_once(500));
        // Whoever comes when all is done has nothing to do.
        assert_eq!(part("square").worked["square"].messages, 0);
    }
    over_each("parts_on_their_own_do_what_they_do_together", law);
}

#[test]
fn a_worker_that_leaves_and_one_that_joins_change_no_result() {
    fn law(transport: Arc<dyn Transport>) {
        let counts = Counts::default();
        run(squares(&transport, 300, &counts), "source").unwrap();
        let (stop, seen) = (Cancel::new(), AtomicU64::new(0));
        let leaving = distribute(Arc::new(transport.clone()), "job")
            .settings(settings())
            .source(|sink| Ok(from_iter(0..300u64).to(sink).run_on(&Inline)?.value))
            .stage("square", |items| {
                if seen.fetch_add(1, SeqCst) == 2 {
                    stop.cancel();
                }
                Ok(items.map(|n| n * n).collect::<Vec<u64>>())
            })
            .sink("count", |_| Ok(()))
            .run(&Role::Stage("square".to_owned()), &stop)
            .unwrap();
        assert_eq!(leaving.worked["square"].messages, 3, "it finishes the message it is at, and no more");
        std::thread::scope(|scope| {
            let joined = scope.spawn(|| run(squares(&transport, 300, &counts), "square").unwrap());
            run(squares(&transport, 300, &counts), "sink").unwrap();
            assert_eq!(joined.join().unwrap().worked["square"].messages, 27);
        });
        assert_eq!(*counts.lock().unwrap(), each_once(300));
    }
    over_each("a_worker_that_leaves_and_one_that_joins", law);
}

#[test]
fn a_source_that_is_stopped_does_not_end_the_job_and_one_that_goes_on_does() {
    fn law(transport: Arc<dyn Transport>) {
        let (counts, stop) = (Counts::default(), Cancel::new());
        let source = distribute(Arc::new(transport.clone()), "job")
            .settings(settings())
            .source(|mut sink| {
                let write = |n| {
                    if n == 35 {
                        stop.cancel();
                    }
                    sink.write(n)
                };
                let written = (0..100u64).try_for_each(write).and_then(|()| sink.commit());
                written.map_err(|source| RunError::Sink { written: 35, source })
            })
            .sink("square", |_| Ok(()));
        assert_eq!(source.run(&Role::Source, &stop).unwrap().sent, None);
        // Its three messages may still be under way: nobody waited for their receipts.
        assert!(transport.left("job-square").unwrap() <= 3);
        assert_eq!(transport.left("job-end").unwrap(), 0);
        let done = run(squares(&transport, 100, &counts), "all").unwrap();
        assert_eq!(done.sent.unwrap().items, 100);
        assert_eq!(*counts.lock().unwrap(), each_once(100));
    }
    over_each("a_source_that_is_stopped_does_not_end_the_job", law);
}

#[test]
fn a_job_does_not_end_before_what_has_to_be_tried_again_is_done() {
    fn law(transport: Arc<dyn Transport>) {
        let (fails, out) = (AtomicU64::new(2), Mutex::new(0));
        let done = distribute(Arc::new(transport.clone()), "job")
            .settings(settings())
            .source(|sink| Ok(from_iter(0..10u64).to(sink).run_on(&Inline)?.value))
            .stage("stage", |items| {
                let fails = |n| match fails.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                    Ok(_) => Err("not yet"),
                    Err(_) => Ok(n),
                };
                Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
            })
            .sink("sum", |items: Taken<u64>| {
                *out.lock().unwrap() += items.sum::<u64>();
                Ok(())
            })
            .run(&Role::All, &Cancel::new())
            .unwrap();
        assert_eq!((done.worked["stage"].retried, done.letters()), (2, 0));
        assert_eq!(*out.lock().unwrap(), 45);
    }
    over_each("a_job_does_not_end_before_what_has_to_be_tried_again", law);
}

#[test]
fn an_item_that_fails_for_good_is_a_letter_and_the_job_ends_without_it() {
    fn law(transport: Arc<dyn Transport>) {
        let (is_mended, sum) = (AtomicBool::new(false), AtomicU64::new(0));
        let job = || {
            distribute(Arc::new(transport.clone()), "job")
                .settings(settings())
                .source(|sink| Ok(from_iter(0..100u64).to(sink).run_on(&Inline)?.value))
                .stage("stage", |items| {
                    let fails = |n| if n == 13 && !is_mended.load(SeqCst) { Err("bad luck") } else { Ok(n) };
                    Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
                })
                .sink("sum", |items: Taken<u64>| {
                    sum.fetch_add(items.sum::<u64>(), SeqCst);
                    Ok(())
                })
        };
        assert_eq!(run(job(), "all").unwrap().letters(), 1);
        assert_eq!(sum.load(SeqCst), 4_950 - 13);
        is_mended.store(true, SeqCst);
        assert_eq!(replay(&*transport, "job-stage", 10).unwrap().sent, 1);
        assert_eq!(run(job(), "all").unwrap().letters(), 0);
        assert_eq!(sum.load(SeqCst), 4_950);
    }
    over_each("an_item_that_fails_for_good_is_a_letter", law);
}

#[test]
fn a_source_that_fails_ends_all_parts_of_its_process_with_its_error() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let error = distribute(transport, "job")
        .source(|sink| {
            let fails = |n: u64| if n == 25 { Err("no more") } else { Ok(n) };
            Ok(from_iter(0..100u64).try_map(fails).named("read").to(sink).run_on(&Inline)?.value)
        })
        .sink("sum", |_| Ok(()))
        .run(&Role::All, &Cancel::new())
        .unwrap_err();
    assert_eq!(error.to_string(), "the source: stage read failed at 25: no more");
    assert!(matches!(error, DistributeError::Source(RunError::Stage { .. })));
}

#[test]
fn names_that_are_none_and_roles_that_nobody_has_are_errors_before_anything_is_done() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let job = |job: &str, stage: &str, sink: &str| {
        distribute(transport.clone(), job)
            .source(|_| -> Result<_, RunError> { unreachable!("nothing is done") })
            .stage(stage, |items: Taken<u64>| Ok(items.collect::<Vec<_>>()))
            .sink(sink, |_| Ok(()))
    };
    let named = |error: DistributeError| match error {
        DistributeError::Transport(TransportError::Config { field, .. }) => field,
        error => panic!("{error}"),
    };
    let all = |distributed: Distributed<'_>| named(run(distributed, "all").unwrap_err());
    for (stage, sink) in [
        ("a", "a"),
        ("source", "b"),
        ("all", "b"),
        ("sink", "b"),
        ("end", "b"),
        ("dead", "b"),
        ("a", "suspect"),
        ("a.1", "b"),
        ("a-dead", "b"),
        ("a", "b-c"),
    ] {
        assert_eq!(all(job("job", stage, sink)), "stage", "{stage} {sink}");
    }
    assert_eq!(all(job("job.1", "a", "b")), "job");
    assert_eq!(all(job("job one", "a", "b")), "stream");
    for role in ["", "c", "Source", "dead"] {
        assert_eq!(named(run(job("job", "a", "sink"), role).unwrap_err()), "role");
    }
    for partitions in [0, 257] {
        let keyed = distribute(transport.clone(), "job")
            .source(|_| -> Result<_, RunError> { unreachable!("nothing is done") })
            .by_key(partitions, |n: &u64| *n)
            .sink("a", |_| Ok(()));
        assert_eq!(all(keyed), "partitions");
    }
}

#[test]
fn jobs_whose_names_and_stages_read_alike_when_joined_have_no_stream_in_common() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let sums = [("a", "b_c"), ("a-b", "c"), ("a-b_c", "d"), ("a-b-c", "d"), ("a-b_c-dead", "d")].map(
        |(name, sink)| {
            let sum = Mutex::new(0);
            let job = distribute(transport.clone(), name)
                .source(|sink| Ok(from_iter(1..=4u64).to(sink).run_on(&Inline)?.value))
                .sink(sink, |items: Taken<u64>| {
                    *sum.lock().unwrap() += items.sum::<u64>();
                    Ok(())
                });
            job.run(&Role::All, &Cancel::new()).unwrap();
            sum.into_inner().unwrap()
        },
    );
    assert_eq!(sums, [10; 5]);
}

/// Keys with numbers that go up.
fn events(keys: u64, each: u64) -> impl Iterator<Item = (String, u64)> + Send {
    (0..each).flat_map(move |n| (0..keys).map(move |key| (format!("key {key}"), n)))
}

type Seen = Mutex<BTreeMap<String, Vec<u64>>>;

fn by_key<'j>(transport: &Arc<dyn Transport>, seen: &'j Seen, fails: &'j AtomicU64) -> Distributed<'j> {
    distribute(Arc::new(transport.clone()), "job")
        .settings(settings())
        .source(|sink| Ok(from_iter(events(20, 30)).to(sink).run_on(&Inline)?.value))
        .by_key(4, |(key, _): &(String, u64)| key_of(key))
        .stage("first", |items| {
            let fails =
                |item: (String, u64)| match fails.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                    Ok(left) if left % 2 == 0 => Err("not now"),
                    _ => Ok(item),
                };
            Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
        })
        .by_key(3, |(key, _): &(String, u64)| key_of(key))
        .sink("second", |items| {
            let mut seen = seen.lock().unwrap();
            items.for_each(|(key, n)| seen.entry(key).or_default().push(n));
            Ok(())
        })
}

fn in_order(keys: u64, each: u64) -> BTreeMap<String, Vec<u64>> {
    (0..keys).map(|key| (format!("key {key}"), (0..each).collect())).collect()
}

#[test]
fn items_of_a_key_stay_in_their_order_over_several_workers_and_attempts() {
    fn law(transport: Arc<dyn Transport>) {
        // Two failures: all of them may meet one message, and at the third attempt that would be a letter.
        let (seen, fails) = (Seen::default(), AtomicU64::new(5));
        std::thread::scope(|scope| {
            let part = |role: &'static str| {
                let (transport, seen, fails) = (&transport, &seen, &fails);
                scope.spawn(move || run(by_key(transport, seen, fails), role).unwrap())
            };
            let parts = [part("first"), part("first"), part("source"), part("sink")];
            let done = parts.map(|part| part.join().unwrap());
            assert_eq!(done.iter().map(|done| done.letters()).sum::<u64>(), 0);
            let retried =
                |done: &pipe_async::Done| done.worked.get("first").map_or(0, |worked| worked.retried);
            assert!(
                done.iter().map(retried).sum::<u64>() > 0,
                "nothing was tried again, so this shows little"
            );
        });
        assert_eq!(*seen.lock().unwrap(), in_order(20, 30));
    }
    over_each("items_of_a_key_stay_in_their_order", law);
}

#[test]
fn of_a_partition_one_worker_at_a_time_has_a_message_and_another_takes_over_when_it_ends() {
    fn law(transport: Arc<dyn Transport>) {
        let (seen, fails) = (Seen::default(), AtomicU64::new(0));
        run(by_key(&transport, &seen, &fails), "source").unwrap();
        // Nobody who has it says a word about it, and nobody else gets the next one of this partition.
        let held: Vec<_> = (0..4)
            .filter_map(|n| transport.fetch(&format!("job-first.{n}"), 10, PATIENCE).unwrap().pop())
            .collect();
        assert_eq!(held.len(), 4);
        let (took_over, has_taken_over) = channel();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let done = run(by_key(&transport, &seen, &fails), "first").unwrap();
                took_over.send(()).unwrap();
                done
            });
            run(by_key(&transport, &seen, &fails), "sink").unwrap();
            let worked = other.join().unwrap().worked["first"];
            assert_eq!((worked.redelivered, worked.letters), (4, 0));
        });
        assert!(has_taken_over.try_recv().is_ok());
        assert_eq!(*seen.lock().unwrap(), in_order(20, 30));
    }
    over_each("of_a_partition_one_worker_at_a_time", law);
}

#[test]
fn a_stream_that_is_full_slows_the_source_and_the_job_is_done() {
    let narrow = StreamSettings { max_bytes: 4 << 10, ..STREAMS };
    fn law(transport: Arc<dyn Transport>) {
        let counts = Counts::default();
        std::thread::scope(|scope| {
            // Nobody takes anything yet, and a hundred messages do not fit.
            let source = scope.spawn(|| run(squares(&transport, 1_000, &counts), "source").unwrap());
            let worker = scope.spawn(|| run(squares(&transport, 1_000, &counts), "square").unwrap());
            run(squares(&transport, 1_000, &counts), "sink").unwrap();
            assert_eq!(source.join().unwrap().sent.unwrap().items, 1_000);
            assert_eq!(worker.join().unwrap().letters(), 0);
        });
        assert_eq!(*counts.lock().unwrap(), each_once(1_000));
    }
    over_each_with(narrow, "a_stream_that_is_full_slows_the_source", law);
}

/// What is written about a window that is too short for an outage.
#[test]
fn a_source_that_is_started_again_beyond_the_duplicate_window_sends_its_items_again() {
    let span = Duration::from_millis(20);
    let short = StreamSettings { lease: span, patience: span, duplicate_window: span * 3, ..STREAMS };
    let transport = Arc::new(LocalTransport::new(short).unwrap());
    let send = || {
        let sink = StreamSink::new(transport.clone(), "in", "test", settings().limits).unwrap();
        from_iter(0..50u64).to(sink).run_on(&Inline).unwrap().value
    };
    send();
    // Nothing comes in this time.
    assert_eq!(transport.fetch("other", 1, span * 5).unwrap().len(), 0);
    assert_eq!(send().duplicates, 0);
    assert_eq!(transport.left("in").unwrap(), 10, "the items are there twice");
}

#[test]
fn a_panic_in_a_partition_ends_the_job_with_its_payload() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let job = distribute(transport, "job")
        .settings(settings())
        .source(|sink| Ok(from_iter(0..1_000u64).to(sink).run_on(&Inline)?.value))
        .by_key(4, |n| *n)
        .sink("keep", |mut items: Taken<u64>| {
            assert!(!items.any(|n| n == 500), "it is the five hundredth");
            Ok(())
        });
    let run = AssertUnwindSafe(|| job.run(&Role::All, &Cancel::new()));
    let thrown = catch_unwind(run).expect_err("a part has panicked");
    assert_eq!(thrown.downcast_ref(), Some(&"it is the five hundredth"));
}
