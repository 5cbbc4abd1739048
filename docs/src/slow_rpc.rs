//! Calls of a service that is slow, sometimes busy, and allows so many a second.

use pipe_async::{Async, HttpClient, HttpError, HttpSettings, PoolSettings};
use pipe_core::{Report, RunError, exponential, from_iter, per_second};
use std::time::Duration;

/// What the service allows.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Calls a second.
    pub calls_per_second: u32,
    /// Items that a call may have.
    pub batch: usize,
}

/// Sends the numbers below `count` to `url`, in batches, as many as the terms allow; what is refused is sent again, with at most a tenth more
/// calls than there are batches. Gives the answers, in order.
///
/// # Errors
/// As the run.
pub fn call_all(url: String, count: u64, terms: Terms) -> Result<Report<Vec<String>>, RunError> {
    let pool = PoolSettings { max_open: 256, ..PoolSettings::default() };
    let http = HttpClient::new(HttpSettings { pool, ..HttpSettings::default() })?;
    from_iter(0..count)
        .batch(terms.batch)
        .try_map_async(move |numbers: Vec<u64>| {
            let (http, url) = (http.clone(), url.clone());
            async move {
                let body = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
                let answer = http.post(&url, body.into_bytes()).await?.success()?;
                Ok::<_, HttpError>(String::from_utf8_lossy(answer.body()).into_owned())
            }
        })
        .named("call")
        .concurrency(256)
        .rate(per_second(terms.calls_per_second))
        .timeout(Duration::from_secs(2))
        .retry(exponential(5).first(Duration::from_millis(20)).share(0.1))
        .collect()
        .run_on(&Async::tokio().blocking())
}
