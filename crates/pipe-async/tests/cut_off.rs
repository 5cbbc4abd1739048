//! A worker that is cut off from its server, and comes back: what it had goes to another, and nothing is lost or there twice.
#![cfg(feature = "nats")]

mod frozen_proxy;
mod nats_server;

use frozen_proxy::FrozenProxy;
use nats_server::NatsServer;
use pipe_async::{
    FrameLimits, Nats, NatsOptions, StreamSettings, StreamSink, Taken, Transport, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, from_iter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const ITEMS: u64 = 2_000;

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(1),
    max_bytes: 8 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(300),
    patience: Duration::from_secs(120),
    in_flight: 16,
};

fn connect(url: &str) -> Arc<Nats> {
    Arc::new(Nats::connect(&NatsOptions::new([url]), STREAMS).unwrap())
}

#[test]
fn a_worker_that_is_cut_off_loses_its_messages_to_another_and_adds_nothing_when_it_comes_back() {
    let Some(server) = NatsServer::start("a_worker_that_is_cut_off") else { return };
    let limits = FrameLimits { items: 10, linger: None, ..FrameLimits::default() };
    // Enough attempts that no item is taken for the one that cut it off.
    let settings = WorkerSettings { limits, fetch: 16, max_attempts: 1_000, ..WorkerSettings::default() };
    let square =
        |nats: Arc<Nats>| Worker::new(nats, "square", "in", settings).unwrap().into_stream("out").unwrap();
    let results = |items: Taken<u64>| Ok(items.map(|n| (n, n * n)).collect::<Vec<_>>());
    let direct = connect(&server.url);
    let sink = StreamSink::new(direct.clone(), "in", "test", limits).unwrap();
    from_iter(0..ITEMS).to(sink).run_on(&Inline).unwrap();

    let proxy = FrozenProxy::to(&server.url);
    let (away, other, ledger) = (connect(&proxy.url()), connect(&server.url), connect(&server.url));
    let (cut, is_cut) = channel();
    let (stop_away, stop_other, all_there) = (Cancel::new(), Cancel::new(), Cancel::new());
    let mut seen = BTreeMap::<u64, u64>::new();
    std::thread::scope(|scope| {
        let mut messages = 0;
        let (proxy, stopped) = (&proxy, &stop_away);
        let cut_off = scope.spawn(move || {
            square(away).run(stopped, |items: Taken<u64>| {
                messages += 1;
                // With others in hand, whose results nobody hears of.
                if messages == 3 {
                    proxy.freeze();
                    cut.send(()).unwrap();
                }
                results(items)
            })
        });
        is_cut.recv_timeout(STREAMS.patience).expect("it got no messages");
        let working = scope.spawn(|| square(other).run(&stop_other, results));
        let counter = Worker::new(ledger.clone(), "ledger", "out", settings).unwrap();
        let count = |items: Taken<(u64, u64)>| {
            items.for_each(|(n, _)| *seen.entry(n).or_default() += 1);
            if seen.len() as u64 == ITEMS {
                all_there.cancel();
            }
            Ok(Vec::<()>::new())
        };
        counter.run(&all_there, count).unwrap();
        // All is done without it. Now what it had to say arrives.
        proxy.thaw();
        stop_away.cancel();
        cut_off.join().unwrap().unwrap();
        stop_other.cancel();
        assert!(working.join().unwrap().unwrap().redelivered > 0, "nothing was taken over");
    });
    assert_eq!((direct.left("in").unwrap(), direct.left("in-dead").unwrap()), (0, 0));
    let late = WorkerSettings { idle: Some(STREAMS.lease * 2), ..settings };
    let count = |items: Taken<(u64, u64)>| {
        items.for_each(|(n, _)| *seen.entry(n).or_default() += 1);
        Ok(Vec::<()>::new())
    };
    Worker::new(ledger, "ledger", "out", late).unwrap().run(&Cancel::new(), count).unwrap();
    assert!(seen.keys().copied().eq(0..ITEMS), "items are lost");
    assert_eq!(seen.values().max(), Some(&1), "what another had done was done again");
}
