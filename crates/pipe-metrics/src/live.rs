//! A page that shows runs while they go on, for people.
//!
//! ```text
//! run --[per slice]--> histograms            ticker, twice a second: report, rates, times --> one line of JSON
//!     <-- drain, cancel -- button + token                                                      | viewer: thread, connection
//!                                                                                              | viewer: ..
//! ```
//!
//! Viewers are sent the same line, each by a thread of its own (server-sent events): one that is slow, or has gone without a word, holds up
//! itself and nobody else. The run knows none of them; what it pays is one histogram per slice.

mod page;
mod state;
mod token;
mod watched;

use crate::http::Server;
use crate::serve_error::{ServeError, loopback};
use page::Page;
use pipe_core::{Observed, Observer};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use watched::Watched;

/// A page with what runs do: rates, busy and waiting times, the part that limits it, memory, latencies, failures, the last two minutes.
///
/// It is served until the last clone is dropped, so it also shows how a run ended for as long as you keep one. A clone is the observer of
/// one run; a page shows the last eight.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::Live;
///
/// let live = Live::on("127.0.0.1:0")?; // 0: a port that is free
/// println!("{}", live.url()); // open it; on another machine, behind `ssh -L`
/// from_iter(0..10_000u64).map(|n| n * n).named("square").for_each(drop).observe(live.clone()).run_on(&Inline)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Who may do what
/// Whoever can reach the address can look. Only who has the token, which is in [`url`](Live::url) behind the `#`, can drain or cancel.
/// Browsers do not send that part, so it is in no log. On a loopback address, a name other than that of this machine is refused: so no
/// page from elsewhere can look through a visitor's browser.
///
/// # Limits
/// 16 viewers and 16 more connections, 2 seconds for each answer, 8 runs, 240 points and 50 events for each of them.
pub struct Live {
    page: Arc<Page>,
    /// One for all clones.
    served: Arc<Served>,
    /// The run that this clone observes.
    follows: OnceLock<Arc<Watched>>,
}

/// Ends with the last clone.
struct Served {
    page: Arc<Page>,
    server: Option<Server>,
    ticker: Option<JoinHandle<()>>,
}

/// Viewers stay; the rest is for who asks for the page, or presses a button.
const CONNECTIONS: usize = page::VIEWERS + 16;

impl Live {
    /// On an address of this machine alone, such as `127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ServeError::Reachable`], if others can reach the address; `Io`, if it is taken, or is none, or the system has no thread left.
    pub fn on(address: impl ToSocketAddrs) -> Result<Self, ServeError> {
        Self::on_the_network(&*loopback(address)?)
    }

    /// On any address: whoever can reach it can see the names of stages, how much they do, and the words of errors. Nothing is encrypted, so
    /// who can listen on the way has the token as soon as a button is pressed.
    ///
    /// # Errors
    /// As for `on`, but for what others can reach.
    pub fn on_the_network(address: impl ToSocketAddrs) -> Result<Self, ServeError> {
        let page = Arc::new(Page::new(title()));
        let asked = page.clone();
        let server = Server::start("pipe-live", address, CONNECTIONS, move |request, connection| {
            asked.answer(request, connection)
        })?;
        page.is_local_at(server.address());
        let mut served = Served { page: page.clone(), server: Some(server), ticker: None };
        let ticking = page.clone();
        let ticker = thread::Builder::new().name("pipe-live-ticker".to_owned());
        served.ticker = Some(ticker.spawn(move || ticking.tick_until_closed())?);
        Ok(Live { page, served: Arc::new(served), follows: OnceLock::new() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.server.as_ref().expect("it is there until the end").address()
    }

    /// What to open in a browser, with the token for the buttons. Without what stands behind the `#` there are no buttons.
    pub fn url(&self) -> String {
        format!("http://{}/#{}", self.address(), self.page.token())
    }
}

/// Another observer, for another run, on the same page.
impl Clone for Live {
    fn clone(&self) -> Self {
        Live { page: self.page.clone(), served: self.served.clone(), follows: OnceLock::new() }
    }
}

/// Without the token.
impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({})", self.address())
    }
}

impl Observer for Live {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { plan, run } => {
                let _ = self.follows.set(self.page.begin(plan, run));
            }
            Observed::Worked(slice) => {
                self.follows.get().inspect(|watched| watched.worked(slice));
            }
            Observed::Ended { error, .. } => {
                self.follows.get().inspect(|watched| watched.end(*error));
                self.page.look_now();
            }
            _ => {}
        }
    }
}

/// Viewers get the last state; this waits for that, two seconds at most.
impl Drop for Served {
    fn drop(&mut self) {
        self.page.close();
        let server = self.server.take();
        let Some(ticker) = self.ticker.take() else {
            self.page.finish();
            return;
        };
        if ticker.thread().id() == thread::current().id() {
            // It has looked at a run that ended meanwhile, and was its last owner. It cannot wait for itself, nor for viewers to whom it has
            // something to tell; so the server goes on a thread of its own.
            let _ = thread::Builder::new().name("pipe-live".to_owned()).spawn(move || drop(server));
        } else {
            let _ = ticker.join();
        }
    }
}

/// The name of the program.
fn title() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy());
    name.map_or_else(|| "pipeline".to_owned(), |name| name.into_owned())
}
