//! The trace file, read by an ordinary parser.
#![cfg(feature = "trace")]

use pipe_core::{FromIter, Inline, Source};
use pipe_metrics::{TraceFile, Traced};
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Two runs of a pipeline with a name that has to be escaped.
fn traced(limit: u64) -> (Traced, Vec<Value>) {
    let memory = Memory::default();
    let trace = TraceFile::to(memory.clone()).limited_to(limit);
    for _ in 0..2 {
        let numbers = FromIter::new(0..20_000u32)
            .pipeline()
            .map(|n| n)
            .named("a \"b\"\n")
            .edge()
            .filter(|n| n % 2 == 0);
        numbers.for_each(drop).observe(trace.of("numbers")).run_on(&Inline).expect("nothing fails");
    }
    let written = trace.finish().expect("memory takes all");
    let text = memory.0.lock().unwrap();
    (written, serde_json::from_slice(&text).expect("it is JSON"))
}

fn of<'e>(events: &'e [Value], kind: &'e str) -> impl Iterator<Item = &'e Value> {
    events.iter().filter(move |event| event["ph"] == kind)
}

#[test]
fn each_slice_is_an_event_on_the_track_of_its_thread() {
    let (written, events) = traced(1_000_000);
    assert_eq!((written.events + 1, written.dropped), (events.len() as u64, 0));
    let slices: Vec<_> = of(&events, "X").collect();
    let items = |part: &str| -> u64 {
        let mine = slices.iter().filter(|slice| slice["cat"] == part);
        mine.map(|slice| slice["args"]["items"].as_u64().unwrap()).sum()
    };
    assert_eq!((items("segment 0"), items("segment 1"), items("sink")), (40_000, 40_000, 20_000));
    assert!(slices.iter().any(|slice| slice["name"] == "a \"b\"\n"));
    let tracks = of(&events, "M").filter(|event| event["name"] == "thread_name");
    let known: Vec<_> = tracks.map(|track| (track["pid"].clone(), track["tid"].clone())).collect();
    assert_eq!(known.len(), 2, "one thread in each of two runs");
    assert!(slices.iter().all(|slice| known.contains(&(slice["pid"].clone(), slice["tid"].clone()))));
}

/// What a viewer asks of events on one track: one is inside of another, or behind it.
#[test]
fn slices_on_a_track_are_nested() {
    let (_, events) = traced(1_000_000);
    let mut spans: Vec<(f64, f64)> = of(&events, "X")
        .filter(|slice| slice["pid"] == 1)
        .map(|slice| (slice["ts"].as_f64().unwrap(), slice["dur"].as_f64().unwrap()))
        .map(|(started, length)| (started, started + length))
        .collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut open: Vec<(f64, f64)> = Vec::new();
    for span in spans {
        while open.last().is_some_and(|outer| outer.1 <= span.0) {
            open.pop();
        }
        // To the nanosecond, which is the last digit.
        assert!(
            open.last().is_none_or(|outer| span.1 <= outer.1 + 0.002),
            "{span:?} leaves {:?}",
            open.last()
        );
        open.push(span);
    }
}

#[test]
fn what_there_is_no_room_for_is_counted_and_the_file_says_so() {
    let (written, events) = traced(5);
    assert!(written.events == 5 && written.dropped > 0, "{written:?}");
    let last = events.last().expect("there are six");
    assert_eq!(last["args"]["labels"], format!("{} events were dropped", written.dropped));
}

#[test]
fn an_empty_trace_is_valid_too() {
    let memory = Memory::default();
    assert_eq!(TraceFile::to(memory.clone()).finish().expect("memory takes all"), Traced::default());
    let text = memory.0.lock().unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&text).expect("it is JSON").len(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_at_the_end_and_no_harm_to_the_run() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let trace = TraceFile::to(Full);
    let numbers = FromIter::new(0..20_000u32).pipeline().map(|n| n).for_each(drop);
    let report = numbers.observe(trace.of("numbers")).run_on(&Inline).expect("it does not care");
    assert!(report.events.is_empty());
    assert_eq!(trace.finish().expect_err("it is full").kind(), io::ErrorKind::StorageFull);
}
