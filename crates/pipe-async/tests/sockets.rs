//! Sockets with frames: what peers may do, and what comes of it. On the loopback interface, with virtual time where time matters.
#![cfg(feature = "net")]

use pipe_async::{
    Async, ConnectionPool, Dial, Endpoint, Framing, ListenSettings, Listener, NetError, PoolSettings, Wire,
    WireLimits, WireSink,
};
use pipe_core::{BoxError, Inline, RunError, from_iter, skip};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// A wire to a socket of ours, the peer.
async fn pair(framing: Framing, limits: WireLimits) -> (Wire, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::tcp(server.local_addr().unwrap().to_string());
    let wire = Dial::new(endpoint, framing, limits).unwrap().dial().await.unwrap();
    (wire, server.accept().await.unwrap().0)
}

/// Sends every frame back. Gives its address.
async fn echo() -> Endpoint {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::tcp(server.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    endpoint
}

#[tokio::test]
async fn frames_of_all_lengths_come_back_as_they_were() {
    for framing in [Framing::Lines, Framing::Prefixed] {
        let dial = Dial::new(echo().await, framing, WireLimits::default()).unwrap();
        let mut wire = dial.dial().await.unwrap();
        for length in (0..100).chain([8_187, 8_188, 8_192, 60_000]) {
            let frame = vec![b'x'; length];
            wire.send(&frame).await.unwrap();
            assert_eq!(wire.receive().await.unwrap(), Some(&frame[..]), "{framing:?} {length}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_announces_all_that_a_prefix_can_say_is_refused_with_numbers() {
    let (mut wire, mut peer) = pair(Framing::Prefixed, WireLimits::default()).await;
    peer.write_all(&[0, 0, 0, 1, 7, 255, 255, 255, 255, 1]).await.unwrap();
    assert_eq!(wire.receive().await.unwrap(), Some(&[7][..]));
    for _ in 0..2 {
        let error = wire.receive().await.unwrap_err();
        let NetError::TooLarge { frames: 1, bytes: 4_294_967_295, limit: 1_048_576, .. } = error else {
            panic!("{error}")
        };
    }
}

#[tokio::test]
async fn a_line_without_an_end_is_refused_once_it_is_too_long() {
    let limits = WireLimits { max_frame: 10, ..WireLimits::default() };
    let (mut wire, mut peer) = pair(Framing::Lines, limits).await;
    peer.write_all(b"0123456789\r\n0123456789ab").await.unwrap();
    assert_eq!(wire.receive().await.unwrap(), Some(&b"0123456789"[..]));
    let error = wire.receive().await.unwrap_err();
    assert!(matches!(error, NetError::TooLarge { frames: 1, bytes: 12, limit: 10, .. }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_sent_as_a_frame_is_refused_and_nothing_is_sent() {
    let limits = WireLimits { max_frame: 10, ..WireLimits::default() };
    let (mut wire, mut peer) = pair(Framing::Lines, limits).await;
    let error = wire.send(&[b'x'; 11]).await.unwrap_err();
    assert!(matches!(error, NetError::TooLarge { frames: 0, bytes: 11, limit: 10, .. }), "{error}");
    let error = wire.send(b"a\nb").await.unwrap_err();
    assert!(matches!(error, NetError::NotALine { frames: 0, at: 1, .. }), "{error}");
    wire.send(b"whole").await.unwrap();
    wire.finish().await.unwrap();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"whole\n");
}

#[tokio::test]
async fn a_peer_that_closes_between_frames_ends_them_and_inside_of_one_it_is_an_error() {
    for (framing, sent, got) in
        [(Framing::Prefixed, &[0, 0, 0, 1, 7, 0, 0][..], 2), (Framing::Lines, b"a\nbc", 2)]
    {
        let (mut wire, mut peer) = pair(framing, WireLimits::default()).await;
        peer.write_all(sent).await.unwrap();
        drop(peer);
        assert_eq!(wire.receive().await.unwrap().unwrap().len(), 1);
        let error = wire.receive().await.unwrap_err();
        let NetError::Truncated { frames: 1, got: bytes, .. } = error else { panic!("{error}") };
        assert_eq!(bytes, got);
    }
    let (mut wire, mut peer) = pair(Framing::Lines, WireLimits::default()).await;
    peer.write_all(b"a\n").await.unwrap();
    drop(peer);
    assert_eq!(wire.receive().await.unwrap(), Some(&b"a"[..]));
    assert_eq!(wire.receive().await.unwrap(), None);
}

#[tokio::test]
async fn a_peer_that_resets_inside_of_a_frame_is_an_error_of_its_connection() {
    let (mut wire, mut peer) = pair(Framing::Prefixed, WireLimits::default()).await;
    peer.write_all(&[0, 0, 0, 9, 1, 2]).await.unwrap();
    // A socket that is closed with something unread in it resets its connection.
    wire.send(b"unread").await.unwrap();
    peer.readable().await.unwrap();
    drop(peer);
    let error = wire.receive().await.unwrap_err();
    let NetError::Io { frames: 0, source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_a_byte_now_and_then_has_the_time_of_one_frame() {
    let (mut wire, mut peer) = pair(Framing::Lines, WireLimits::default()).await;
    let peer = tokio::spawn(async move {
        sleep(30 * SECOND).await;
        while peer.write_all(b"x").await.is_ok() {
            sleep(SECOND).await;
        }
    });
    let begun = Instant::now();
    // Whoever stops waiting in between does not give it more time.
    while tokio::time::timeout(SECOND / 2, wire.receive()).await.is_err() {
        assert!(begun.elapsed() < 41 * SECOND);
    }
    let error = wire.receive().await.unwrap_err();
    let NetError::Slow { frames: 0, got, waited, .. } = error else { panic!("{error}") };
    assert!((9..=12).contains(&got) && (10..12).contains(&waited.as_secs()), "{got} {waited:?}");
    peer.abort();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_idle_after_a_minute() {
    let (mut wire, mut peer) = pair(Framing::Lines, WireLimits::default()).await;
    peer.write_all(b"hello\n").await.unwrap();
    assert_eq!(wire.receive().await.unwrap(), Some(&b"hello"[..]));
    let error = wire.receive().await.unwrap_err();
    let NetError::Idle { frames: 1, waited, .. } = error else { panic!("{error}") };
    assert_eq!(waited.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_stalls_the_sender_for_the_time_of_one_frame() {
    let (mut wire, peer) = pair(Framing::Prefixed, WireLimits::default()).await;
    let begun = Instant::now();
    let frame = vec![7; 1 << 20];
    let error = loop {
        if let Err(error) = wire.send(&frame).await {
            break error;
        }
    };
    let NetError::Stalled { frames, left, waited, .. } = error else { panic!("{error}") };
    assert!(left > 0 && left <= (1 << 20) + 4 && frames < 100, "{left} {frames}");
    assert_eq!((waited.as_secs(), begun.elapsed().as_secs()), (10, 10));
    drop(peer);
}

#[tokio::test]
async fn a_frame_whose_sending_was_cut_short_is_finished_by_the_next() {
    let (mut wire, mut peer) = pair(Framing::Prefixed, WireLimits::default()).await;
    let frame = vec![7; 1 << 20];
    // Until the system has no room for more.
    let mut whole = 0;
    while tokio::time::timeout(SECOND / 10, wire.send(&frame)).await.is_ok() {
        whole += 1;
    }
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).await.map(|_| all)
    });
    wire.send(b"last").await.unwrap();
    wire.finish().await.unwrap();
    let all = reader.await.unwrap().unwrap();
    assert_eq!(all.len(), (whole + 1) * (4 + (1 << 20)) + 8);
    assert_eq!(&all[all.len() - 8..], b"\0\0\0\x04last");
}

#[tokio::test]
async fn a_refused_connection_says_where_to() {
    // Bound, so that no other test gets the port, and nobody listens.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = Endpoint::tcp(silent.local_addr().unwrap().to_string());
    let error = Dial::new(endpoint.clone(), Framing::Lines, WireLimits::default()).unwrap().dial().await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, NetError::Connect { source, .. } if source.kind() == ErrorKind::ConnectionRefused)
    );
    assert!(error.to_string().starts_with(&format!("no connection to {endpoint}, after ")), "{error}");
    let error = WireSink::connect(&endpoint, Framing::Lines, WireLimits::default()).unwrap_err();
    assert!(
        matches!(&error, NetError::Connect { source, .. } if source.kind() == ErrorKind::ConnectionRefused)
    );
}

#[tokio::test]
async fn pooled_connections_serve_many_operations_and_a_closed_one_is_replaced() {
    let dial = Dial::new(echo().await, Framing::Prefixed, WireLimits::default()).unwrap();
    let settings =
        PoolSettings { max_open: 8, check_after: Duration::from_nanos(1), ..PoolSettings::default() };
    let pool = ConnectionPool::new(dial, settings).unwrap();
    let pooled = pool.clone();
    let ask = move |n: u64| {
        let pool = pooled.clone();
        async move {
            let mut wire = pool.acquire().await?;
            wire.send(&n.to_be_bytes()).await?;
            // Each hundredth operation leaves in the middle of its exchange.
            if n % 100 == 7 {
                return Err("changed its mind".into());
            }
            let answer = wire.receive().await?.ok_or("closed")?.to_vec();
            wire.reuse();
            Ok::<_, BoxError>((n, answer))
        }
    };
    let run = from_iter(0..2_000u64).try_map_async(ask).concurrency(100).on_error(skip()).collect();
    let report = run.run_on(&Async::tokio()).await.unwrap();
    assert_eq!((report.value.len(), report.skipped()), (1_980, 20));
    assert!(report.value.iter().all(|(n, answer)| *answer == n.to_be_bytes()), "an answer went to another");
    let statistics = pool.statistics();
    assert_eq!(statistics.broken, 20);
    assert!(statistics.opened <= 28 && statistics.open <= 8, "{statistics:?}");
}

#[tokio::test]
async fn an_idle_connection_that_its_peer_has_closed_is_found_by_its_check() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::tcp(server.local_addr().unwrap().to_string());
    let dial = Dial::new(endpoint, Framing::Lines, WireLimits::default()).unwrap();
    let settings = PoolSettings { check_after: Duration::from_nanos(1), ..PoolSettings::default() };
    let pool = ConnectionPool::new(dial, settings).unwrap();
    let mut wire = pool.acquire().await.unwrap();
    let (mut peer, _) = server.accept().await.unwrap();
    peer.write_all(b"bye\n").await.unwrap();
    assert_eq!(wire.receive().await.unwrap(), Some(&b"bye"[..]));
    drop(peer);
    // Until it is closed here, too; the call itself would say `None`, and then it would not be given back.
    wire.receive().await.unwrap();
    wire.reuse();
    let again = pool.acquire().await.unwrap();
    assert_eq!((pool.statistics().opened, pool.statistics().open), (2, 1));
    drop(again);
}

/// A Unix socket whose line is full: its server accepts nobody.
#[cfg(target_os = "linux")]
async fn full_line(at: &std::path::Path) -> (tokio::net::UnixListener, Vec<tokio::net::UnixStream>) {
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(at).unwrap();
    let (server, mut waiting) = (socket.listen(1).unwrap(), Vec::new());
    while let Ok(stream) = tokio::net::UnixStream::connect(at).await {
        waiting.push(stream);
    }
    (server, waiting)
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_dial_waits_for_a_unix_socket_that_is_not_accepted_as_long_as_its_limit_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let (server, _waiting) = full_line(&path).await;
    let dial = Dial::new(Endpoint::unix(&path), Framing::Lines, WireLimits::default()).unwrap();
    let begun = Instant::now();
    let NetError::Connect { source, waited, .. } = dial.dial().await.unwrap_err() else { unreachable!() };
    assert_eq!((source.kind(), waited.as_secs(), begun.elapsed().as_secs()), (ErrorKind::TimedOut, 5, 5));
    // Once there is room it goes through.
    let (dialled, accepted) = tokio::join!(dial.dial(), server.accept());
    accepted.unwrap();
    dialled.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sink_waits_for_a_unix_socket_that_is_not_accepted_as_long_as_its_limit_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _full = full_line(&path).await;
    let limits = WireLimits { connect_timeout: SECOND / 10, ..WireLimits::default() };
    // Inside of a runtime, too.
    let NetError::Connect { source, .. } =
        WireSink::connect(&Endpoint::unix(&path), Framing::Lines, limits).unwrap_err()
    else {
        unreachable!()
    };
    assert_eq!(source.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_sink_whose_peer_goes_away_or_never_closes_fails_its_run() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = Endpoint::tcp(server.local_addr().unwrap().to_string());
    let limits = WireLimits { frame_timeout: SECOND / 10, ..WireLimits::default() };
    let sink = || WireSink::connect(&to, Framing::Lines, limits).unwrap();

    let written = from_iter(0..3u64).map(|n| n.to_string()).to(sink()).run_on(&Inline).unwrap_err();
    let unconfirmed = written.stage_error::<NetError>().expect("the sink's own error");
    assert!(matches!(unconfirmed, NetError::Unconfirmed { frames: 3, .. }), "{unconfirmed}");

    let stalled = from_iter(0u64..).map(|n| n.to_string()).to(sink()).run_on(&Inline).unwrap_err();
    let stalled = stalled.stage_error::<NetError>().expect("the sink's own error");
    assert!(matches!(stalled, NetError::Stalled { left: 1.., .. }), "{stalled}");

    let (away, _) = (sink(), drop(server));
    let gone = from_iter(0u64..).map(|n| n.to_string()).to(away).run_on(&Inline).unwrap_err();
    assert!(matches!(gone, RunError::Sink { .. }), "{gone}");
}

#[test]
fn a_zero_is_a_config_error_and_a_place_that_is_taken_is_said() {
    let place = Endpoint::tcp("127.0.0.1:0");
    let zeros = [
        WireLimits { max_frame: 0, ..WireLimits::default() },
        WireLimits { frame_timeout: Duration::ZERO, ..WireLimits::default() },
        WireLimits { idle_timeout: Duration::ZERO, ..WireLimits::default() },
        WireLimits { connect_timeout: Duration::ZERO, ..WireLimits::default() },
    ];
    for limits in zeros {
        assert!(matches!(Dial::new(place.clone(), Framing::Lines, limits), Err(NetError::Config { .. })));
        let settings = ListenSettings { limits, ..ListenSettings::default() };
        assert!(matches!(Listener::bind(&place, Framing::Lines, settings), Err(NetError::Config { .. })));
    }
    for settings in [
        ListenSettings { max_connections: 0, ..ListenSettings::default() },
        ListenSettings { max_queued: 0, ..ListenSettings::default() },
        ListenSettings { accept_timeout: Duration::ZERO, ..ListenSettings::default() },
    ] {
        assert!(matches!(Listener::bind(&place, Framing::Lines, settings), Err(NetError::Config { .. })));
    }
    let first = Listener::bind(&place, Framing::Lines, ListenSettings::default()).unwrap();
    let second = Listener::bind(first.endpoint(), Framing::Lines, ListenSettings::default()).unwrap_err();
    assert!(matches!(second, NetError::Bind { .. }), "{second}");
}
