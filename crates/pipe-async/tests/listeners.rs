//! Listeners: what peers send arrives, and a run that waits for them ends when it is to. On the loopback interface.
#![cfg(feature = "net")]

use pipe_async::{Async, Dial, Endpoint, Framing, ListenSettings, Listener, NetError, WireLimits, WireSink};
use pipe_core::{Cancel, Inline, Run, RunError, Source, from_iter, skip};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Sends the numbers of a range as lines, on a thread of its own.
fn send(to: &Endpoint, framing: Framing, numbers: std::ops::Range<u64>) -> thread::JoinHandle<u64> {
    let to = to.clone();
    thread::spawn(move || {
        let sink = WireSink::connect(&to, framing, WireLimits::default()).unwrap();
        let lines = from_iter(numbers).map(|n| n.to_string());
        lines.to(sink).run_on(&Inline).unwrap().value.frames
    })
}

#[test]
fn what_many_peers_send_arrives_once_and_in_the_order_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let places = [Endpoint::tcp("127.0.0.1:0"), Endpoint::unix(folder.path().join("socket"))];
    for (place, framing) in places.iter().zip([Framing::Lines, Framing::Prefixed]) {
        // Room for little, so that peers wait for the pipeline.
        let settings = ListenSettings { max_connections: 2, max_queued: 2_000, ..ListenSettings::default() };
        let listener = Listener::bind(place, framing, settings).unwrap().connections(4);
        let to = listener.endpoint().clone();
        let senders: Vec<_> = (0..4).map(|n| send(&to, framing, n * 10_000..(n + 1) * 10_000)).collect();
        let numbers = listener
            .pipeline()
            .try_map(|arrived| arrived)
            .try_map(|frame| String::from_utf8(frame.bytes))
            .try_map(|line| line.parse::<u64>())
            .collect()
            .run_on(&Inline)
            .unwrap()
            .value;
        let sent: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        assert_eq!(sent, [10_000; 4]);
        for part in 0..4 {
            let of_one: Vec<_> = numbers.iter().copied().filter(|n| n / 10_000 == part).collect();
            assert_eq!(of_one, (part * 10_000..(part + 1) * 10_000).collect::<Vec<_>>());
        }
        assert_eq!(numbers.len(), 40_000);
    }
    assert!(!folder.path().join("socket").exists(), "the listener took its socket away");
}

#[test]
fn a_peer_that_fails_is_one_failed_item_and_concerns_no_other() {
    let listener =
        Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Prefixed, ListenSettings::default()).unwrap();
    let to = listener.endpoint().clone();
    let listener = listener.connections(3);
    let run = thread::spawn(move || {
        let items = listener.pipeline().try_map(|arrived| arrived).on_error(skip());
        items.map(|frame| frame.bytes).collect().run_on(&Inline).unwrap()
    });
    let Endpoint::Tcp(address) = &to else { unreachable!() };
    let greedy = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut &greedy, &[255; 4]).unwrap();
    let mut cut = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut cut, &[0, 0, 0, 2, 1]).unwrap();
    drop(cut);
    assert_eq!(send(&to, Framing::Prefixed, 5..7).join().unwrap(), 2);
    let report = run.join().unwrap();
    assert_eq!(report.skipped(), 2);
    assert_eq!(report.value, [b"5", b"6"]);
}

#[test]
fn a_listener_that_waits_ends_when_it_is_told_to() {
    let stop = Cancel::new();
    let listener =
        Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, ListenSettings::default()).unwrap();
    let to = listener.endpoint().clone();
    let listener = listener.until(&stop);
    let (seen, has_seen) = channel();
    let run = thread::spawn(move || {
        let items = listener.pipeline().try_map(|arrived| arrived);
        items.inspect(move |_| seen.send(()).unwrap()).collect().run_on(&Inline).unwrap()
    });
    // It stays open, and would keep the listener for ever.
    let Endpoint::Tcp(address) = &to else { unreachable!() };
    let open = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut &open, b"one\n").unwrap();
    has_seen.recv_timeout(60 * SECOND).unwrap();
    stop.cancel();
    assert_eq!(run.join().unwrap().value.len(), 1);
}

/// Until nobody listens there any more: then we can.
fn wait_until_free(place: &Endpoint) {
    let begun = std::time::Instant::now();
    while let Err(error) = Listener::bind(place, Framing::Lines, ListenSettings::default()) {
        assert!(begun.elapsed() < 60 * SECOND, "{error}");
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_while_its_listener_waits_closes_its_port() {
    let folder = tempfile::tempdir().unwrap();
    for place in [Endpoint::tcp("127.0.0.1:0"), Endpoint::unix(folder.path().join("socket"))] {
        for is_polled in [false, true] {
            let listener = Listener::bind(&place, Framing::Lines, ListenSettings::default()).unwrap();
            let to = listener.endpoint().clone();
            let (seen, mut has_seen) = tokio::sync::mpsc::unbounded_channel();
            let items =
                listener.pipeline().try_map(|arrived| arrived).inspect(move |_| seen.send(()).unwrap());
            let mut run = items.map_async(|frame| async { frame }).collect().run_on(&Async::tokio());
            if is_polled {
                let mut wire = Dial::new(to.clone(), Framing::Lines, WireLimits::default())
                    .unwrap()
                    .dial()
                    .await
                    .unwrap();
                wire.send(b"one").await.unwrap();
                tokio::select! {
                    ended = &mut run => panic!("it waits for more: {ended:?}"),
                    _ = has_seen.recv() => {}
                }
                drop(run);
                // Cut off, and not left open.
                assert!(matches!(wire.receive().await, Ok(None) | Err(NetError::Io { .. })));
            } else {
                drop(run);
            }
            wait_until_free(&to);
        }
    }
}

#[tokio::test]
async fn a_run_that_fails_or_has_enough_does_not_wait_for_another_frame() {
    for fails in [false, true] {
        let listener =
            Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, ListenSettings::default()).unwrap();
        let to = listener.endpoint().clone();
        let mut wire =
            Dial::new(to.clone(), Framing::Lines, WireLimits::default()).unwrap().dial().await.unwrap();
        wire.send(b"one").await.unwrap();
        let frames = listener
            .pipeline()
            .try_map(|arrived| arrived)
            .try_map_async(move |frame| async move { if fails { Err("no") } else { Ok(frame.bytes) } });
        // The peer stays, and says nothing more.
        let ended = frames.take(1).collect().run_on(&Async::tokio()).await;
        assert_eq!(ended.is_err(), fails, "{ended:?}");
        assert!(ended.is_err() || ended.unwrap().value == [b"one"]);
        wait_until_free(&to);
    }
}

#[tokio::test]
async fn a_run_that_is_drained_or_out_of_time_ends_though_its_listener_waits() {
    for drains in [false, true] {
        let listener =
            Listener::bind(&Endpoint::tcp("127.0.0.1:0"), Framing::Lines, ListenSettings::default()).unwrap();
        let (to, handle) = (listener.endpoint().clone(), Run::new());
        let frames = listener.pipeline().try_map(|arrived| arrived).map_async(|frame| async { frame });
        let span = if drains { 3_600 * SECOND } else { SECOND / 100 };
        let run = frames.collect().within(span).handled_by(&handle).run_on(&Async::tokio());
        if drains {
            handle.drain(3_600 * SECOND);
        }
        let ended = run.await;
        assert!(
            if drains { ended.is_ok() } else { matches!(ended, Err(RunError::TimedOut)) },
            "{drains}: {ended:?}"
        );
        wait_until_free(&to);
    }
}
