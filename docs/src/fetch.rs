//! Many pages, in order, into one file.

use pipe_async::{Async, HttpClient, HttpError, HttpSettings, PoolSettings};
use pipe_core::{Report, Run, RunError, exponential, from_iter};
use pipe_stream::{AsLines, Encode, FileSink};
use std::time::Duration;

/// How many pages are fetched at a time, over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Fetches under way.
    pub in_flight: usize,
    /// Connections that they share.
    pub connections: usize,
}

/// Fetches all of `urls` and writes their bodies as lines, in the order of the addresses. Each fetch has two seconds and three attempts.
/// Gives the bytes that were written. `run` is its handle: drained, it finishes what is under way, and the file has what was fetched until
/// then.
///
/// # Errors
/// As the run: a page that is answered with no success three times ends it.
pub fn pages(
    urls: impl Iterator<Item = String> + Send + 'static,
    load: Load,
    file: FileSink,
    run: &Run,
) -> Result<Report<u64>, RunError> {
    let pool = PoolSettings { max_open: load.connections, ..PoolSettings::default() };
    let http = HttpClient::new(HttpSettings { pool, ..HttpSettings::default() })?;
    from_iter(urls)
        .try_map_async(move |url| {
            let http = http.clone();
            async move { Ok::<_, HttpError>(http.get(&url).await?.success()?.into_body()) }
        })
        .named("fetch")
        .concurrency(load.in_flight)
        .timeout(Duration::from_secs(2))
        .retry(exponential(3).first(Duration::from_millis(10)))
        .encode(AsLines)
        .to(file)
        .handled_by(run)
        .run_on(&Async::tokio().blocking())
}
