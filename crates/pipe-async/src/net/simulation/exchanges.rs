//! Requests over a pool whose connections break: each gets its own answer, and none waits for ever.

use super::each_seed;
use super::network::{Doors, Network};
use crate::net::framing::Framing;
use crate::net::limits::WireLimits;
use crate::net::wire::Wire;
use crate::pool::{Connect, ConnectionPool, PoolSettings};
use pipe_core::BoxError;
use pipe_core::testing::Rng;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a request is tried. This many failures in a row do not happen by chance.
const ATTEMPTS: usize = 60;

const LIMITS: WireLimits = WireLimits {
    max_frame: 300,
    frame_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(5),
    connect_timeout: Duration::from_secs(5),
};

#[test]
fn each_request_gets_its_own_answer_though_connections_break_and_exchanges_are_cut_short() {
    each_seed(|seed| async move {
        let mut rng = Rng::new(seed);
        let framing = [Framing::Lines, Framing::Prefixed][rng.below(2) as usize];
        let (network, doors) = Network::new(rng.number(), 3, 2_000);
        tokio::spawn(answer_all(doors, framing, Rng::new(rng.number())));
        let max_open = 1 + rng.below(4) as usize;
        let settings = PoolSettings {
            max_open,
            max_connecting: 1 + rng.below(2) as usize,
            max_idle: Duration::from_secs(1 + rng.below(20)),
            check_after: Duration::from_millis(1 + rng.below(1_000)),
            ..PoolSettings::default()
        };
        let pool = ConnectionPool::new(Simulated { network, framing }, settings).expect("no zero");
        let requests: Vec<_> =
            (0..10).map(|n| tokio::spawn(request(pool.clone(), n, Rng::new(rng.number())))).collect();
        for request in requests {
            request.await.expect("it got its own answer");
        }
        let left = pool.statistics();
        assert!(left.waiting == 0 && left.open == left.idle && left.open <= max_open, "{left:?}");
    });
}

/// Dials that network. What [`Dial`](crate::Dial) does besides is the system's.
struct Simulated {
    network: Network,
    framing: Framing,
}

impl Connect for Simulated {
    type Connection = Wire;

    async fn connect(&self) -> Result<Wire, BoxError> {
        let socket = self.network.connect("client").await?;
        Ok(Wire::new(socket, "server".into(), self.framing, LIMITS))
    }

    async fn check(&self, wire: &mut Wire) -> bool {
        wire.is_at_rest()
    }
}

async fn request(pool: ConnectionPool<Simulated>, number: u64, mut rng: Rng) {
    for _ in 0..ATTEMPTS {
        // Some are cut short in the middle, as by a timeout of their stage.
        let patience = Duration::from_millis(if rng.below(4) == 0 { rng.below(10_000) } else { 1_000_000 });
        let question = format!("{number}:{}", rng.number());
        match timeout(patience, exchange(&pool, &question)).await {
            Ok(Ok(answer)) => return assert_eq!(answer, question.into_bytes(), "an answer to another"),
            Ok(Err(_)) | Err(_) => sleep(Duration::from_millis(rng.below(2_000))).await,
        }
    }
    panic!("{ATTEMPTS} attempts, the last against {:?}", pool.statistics());
}

async fn exchange(pool: &ConnectionPool<Simulated>, question: &str) -> Result<Vec<u8>, BoxError> {
    let mut wire = pool.acquire().await?;
    wire.send(question.as_bytes()).await?;
    let answer = wire.receive().await?.ok_or("closed")?.to_vec();
    wire.reuse();
    Ok(answer)
}

/// A server that sends each frame back, after some time, and closes a connection now and then.
async fn answer_all(doors: Doors, framing: Framing, mut rng: Rng) {
    while let Ok((socket, peer)) = doors.accept().await {
        let wire = Wire::new(socket, peer, framing, LIMITS);
        tokio::spawn(answer(wire, Rng::new(rng.number())));
    }
}

async fn answer(mut wire: Wire, mut rng: Rng) {
    while let Ok(Some(question)) = wire.receive().await {
        let answer = question.to_vec();
        sleep(Duration::from_millis(rng.below(200))).await;
        if rng.below(20) == 0 || wire.send(&answer).await.is_err() {
            return;
        }
    }
}
