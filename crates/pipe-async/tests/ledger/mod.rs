//! A job over servers that fail meanwhile, and the ledger of what came out: numbers, their squares, and a sink that knows ids, as one does that
//! writes them with its rows.

use pipe_async::{FrameLimits, Nats, StreamSink, Taken, Worker, WorkerSettings};
use pipe_core::{Cancel, Inline, from_iter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// Items of one message.
pub(crate) const MESSAGE: u64 = 100;

/// `PIPE_NODES_ITEMS` says another number.
pub(crate) fn items() -> u64 {
    std::env::var("PIPE_NODES_ITEMS").map_or(120_000, |items| items.parse().unwrap())
}

/// Sends the numbers up to `items`, squares them, and keeps what comes, while `meanwhile` does its worst: it is told of each message that is
/// new. Every number must be there, once. Returns how many messages came to the sink again.
pub(crate) fn kept(
    items: u64,
    connect: impl Fn() -> Arc<Nats>,
    meanwhile: impl FnOnce(&Receiver<()>),
) -> u64 {
    let (source, worker, ledger) = (connect(), connect(), connect());
    let limits = FrameLimits { items: MESSAGE as u32, linger: None, ..FrameLimits::default() };
    let settings = WorkerSettings { limits, fetch: 16, max_attempts: 1_000, ..WorkerSettings::default() };
    let (stop, (new, news)) = (Cancel::new(), channel());
    let (rows, again) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let sink = StreamSink::new(source, "in", "test", limits).unwrap();
            from_iter(0..items).to(sink).run_on(&Inline).unwrap();
        });
        let stopped = stop.clone();
        scope.spawn(move || {
            let worker = Worker::new(worker, "square", "in", settings).unwrap().into_stream("out").unwrap();
            let square = |items: Taken<u64>| Ok(items.map(|n| (n, n * n)).collect::<Vec<_>>());
            worker.run(&stopped, square).unwrap();
        });
        let counting = scope.spawn(move || {
            let (mut rows, mut again) = (BTreeMap::<String, Vec<u64>>::new(), 0);
            let counter = Worker::new(ledger, "ledger", "out", settings).unwrap();
            let counted = counter.run(&stop, |results: Taken<(u64, u64)>| {
                let id = results.id().to_owned();
                let results: Vec<u64> = results.map(|(n, _)| n).collect();
                match rows.get(&id) {
                    Some(before) => {
                        assert_eq!(*before, results, "one id, two contents");
                        again += 1;
                    }
                    None => {
                        rows.insert(id, results);
                        let _ = new.send(());
                    }
                }
                if rows.len() as u64 == items / MESSAGE {
                    stop.cancel();
                }
                Ok(Vec::<()>::new())
            });
            counted.unwrap();
            (rows, again)
        });
        meanwhile(&news);
        counting.join().unwrap()
    });
    let mut rows: Vec<u64> = rows.into_values().flatten().collect();
    rows.sort_unstable();
    assert!(rows.iter().copied().eq(0..items), "{} rows of {items}", rows.len());
    again
}
