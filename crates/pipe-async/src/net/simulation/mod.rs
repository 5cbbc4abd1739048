//! The protocols on a network that is in memory, goes by virtual time and does its worst: it delays, splits, cuts and falls silent, all by
//! a seed. A seed that fails is printed; `PIPE_SEED=17 cargo test -p pipe-async --features net simulation` is that one again, and
//! `PIPE_SEEDS=100000` tries more.

mod exchanges;
mod frames;
mod network;
mod sink;
mod stream;

pub(super) use network::Doors;
pub(super) use stream::Stream;

use std::future::Future;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// In virtual time, which passes only while all wait. No limit of a connection is a tenth of it.
const FOR_EVER: Duration = Duration::from_secs(100_000);

/// Runs a case for each seed, each on a runtime of its own, with one thread and virtual time.
fn each_seed<F: Future<Output = ()>>(case: impl Fn(u64) -> F) {
    let number = |name| std::env::var(name).ok().map(|value| value.parse().expect("a number"));
    let seeds = match number("PIPE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PIPE_SEEDS").unwrap_or(1_000),
    };
    for seed in seeds {
        let _told = Told(seed);
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async { timeout(FOR_EVER, case(seed)).await.expect("it hangs") });
    }
}

/// Says which seed it was.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("PIPE_SEED={} is this case again", self.0);
        }
    }
}
