//! Who may see and do what, and who is told when: the page behind its addresses.
//!
//! | | |
//! | --- | --- |
//! | `GET /` | the page itself |
//! | `GET /state` | the state, once |
//! | `GET /events` | the state, again and again |
//! | `POST /drain`, `POST /cancel` | with `X-Token`, and the number of the run as `X-Run` |

use super::state::state;
use super::token::{is_same, token};
use super::watched::{TICK, Watched};
use crate::http::{Connection, Request};
use pipe_core::{Explain, Run};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Who look at the same time.
pub(super) const VIEWERS: usize = 16;

/// Runs that are shown, of those that have ended the last ones.
const RUNS: usize = 8;

/// How long a run may take to end well, once it is told to.
const DRAIN: Duration = Duration::from_secs(30);

/// So often a viewer gets at least a word: a connection that is broken is noticed by writing to it.
const WORD: Duration = Duration::from_secs(5);

const PAGE: &str = include_str!("page.html");

pub(super) struct Page {
    title: String,
    token: String,
    /// It is on the loopback.
    local: OnceLock<bool>,
    board: Mutex<Board>,
    changed: Condvar,
}

#[derive(Default)]
struct Board {
    runs: Vec<Arc<Watched>>,
    /// Runs that have begun so far.
    begun: u64,
    /// What viewers are told, and which one of all that were told it is.
    line: Arc<str>,
    number: u64,
    viewers: usize,
    /// The ticker is to look before the next tick.
    hurry: bool,
    /// The ticker is to end.
    closed: bool,
    /// And it has: there will be no other line.
    finished: bool,
}

impl Page {
    pub(super) fn new(title: String) -> Self {
        let line = state(&title, &[], 0).into();
        let board = Mutex::new(Board { line, ..Board::default() });
        Page { title, token: token(), local: OnceLock::new(), board, changed: Condvar::new() }
    }

    pub(super) fn is_local_at(&self, address: SocketAddr) {
        let _ = self.local.set(address.ip().is_loopback());
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// A run begins. Where there are too many, the oldest that has ended makes room, or the oldest of all.
    pub(super) fn begin(&self, plan: &Explain, run: &Run) -> Arc<Watched> {
        let mut board = self.lock();
        board.begun += 1;
        let watched = Arc::new(Watched::new(board.begun, plan, run));
        if board.runs.len() == RUNS {
            let oldest = board.runs.iter().position(|run| run.ending().is_some()).unwrap_or(0);
            board.runs.remove(oldest);
        }
        board.runs.push(watched.clone());
        drop(board);
        self.look_now();
        watched
    }

    /// Something has changed that is worth a look at once.
    pub(super) fn look_now(&self) {
        self.lock().hurry = true;
        self.changed.notify_all();
    }

    /// The ticker is to look a last time, and to end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Viewers are told what was seen last, and go.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_all();
    }

    /// The ticker: looks at all runs, twice a second while there is one under way.
    pub(super) fn tick_until_closed(&self) {
        // Also if it panics, by the clock of a run: nobody waits for a line that does not come.
        let _finish = Finish(self);
        loop {
            let (runs, begun, closed) = self.wait_for_tick();
            runs.iter().for_each(|run| run.look());
            let line = state(&self.title, &runs, begun - runs.len() as u64);
            let mut board = self.lock();
            (board.line, board.number) = (line.into(), board.number + 1);
            drop(board);
            self.changed.notify_all();
            if closed {
                return;
            }
        }
    }

    fn wait_for_tick(&self) -> (Vec<Arc<Watched>>, u64, bool) {
        let mut board = self.lock();
        let idle = |board: &Board| board.runs.iter().all(|run| run.is_complete());
        while idle(&board) && !board.hurry && !board.closed {
            board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
        let calm = |board: &mut Board| !board.hurry && !board.closed;
        let waited = self.changed.wait_timeout_while(board, TICK, calm);
        let mut board = waited.unwrap_or_else(PoisonError::into_inner).0;
        board.hurry = false;
        (board.runs.clone(), board.begun, board.closed)
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that there will be no other line.
struct Finish<'p>(&'p Page);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// What is asked for.
impl Page {
    pub(super) fn answer(&self, request: &Request, connection: Connection) -> io::Result<()> {
        const TEXT: &str = "text/plain; charset=utf-8";
        if !self.is_asked_by_its_name(request) {
            return connection.respond(
                "421 Misdirected Request",
                TEXT,
                "ask by the address of this machine\n",
            );
        }
        let line = request.line();
        // Not for the page itself: a link to it may be anywhere, and who follows that is a person.
        if line != "GET /" && is_asked_from_elsewhere(request) {
            return connection.respond("403 Forbidden", TEXT, "other pages may not ask this one\n");
        }
        match &*line {
            "GET /" => self.send_page(connection),
            "GET /state" => {
                let line = self.lock().line.clone();
                connection.respond("200 OK", "application/json", &line)
            }
            "GET /events" => self.tell(connection),
            "POST /drain" | "POST /cancel" => {
                let (status, said) = self.control(request);
                connection.respond(status, TEXT, said)
            }
            line if line.starts_with("GET ") => connection.respond("404 Not Found", TEXT, "see /\n"),
            _ => connection.respond("405 Method Not Allowed", TEXT, ""),
        }
    }

    /// A page from elsewhere may have a name that leads here (DNS rebinding); it would have that name in the request.
    fn is_asked_by_its_name(&self, request: &Request) -> bool {
        if self.local.get() == Some(&false) {
            return true;
        }
        let host = request.field("host").unwrap_or_default();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
        name == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// Whatever a name of a stage may be: only the script of the page itself is run.
    fn send_page(&self, mut connection: Connection) -> io::Result<()> {
        let nonce = token();
        let policy = format!(
            "default-src 'none'; connect-src 'self'; img-src data:; style-src 'nonce-{nonce}'; \
             script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        // In a script that is data: nothing in it may end it.
        let first = self.lock().line.replace('<', "\\u003c");
        let page = PAGE.replace("NONCE", &nonce).replacen("STATE", &first, 1);
        let fields = [
            ("Content-Security-Policy", &*policy),
            ("Content-Length", &page.len().to_string()),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        connection.head("200 OK", "text/html; charset=utf-8", &fields)?;
        connection.send(page.as_bytes())
    }

    fn control(&self, request: &Request) -> (&'static str, &'static str) {
        if !request.field("x-token").is_some_and(|token| is_same(token, &self.token)) {
            return ("403 Forbidden", "this takes the token that is in the address of the page\n");
        }
        let id = request.field("x-run").and_then(|id| id.parse::<u64>().ok());
        let found = self.lock().runs.iter().find(|run| Some(run.id) == id).cloned();
        let Some(watched) = found else { return ("404 Not Found", "there is no such run\n") };
        if watched.ending().is_some() {
            return ("409 Conflict", "it has ended already\n");
        }
        match &*request.line() {
            "POST /drain" => watched.run().drain(DRAIN),
            _ => watched.run().cancel(),
        }
        self.look_now();
        ("200 OK", "done\n")
    }

    /// Tells a viewer all that there is to tell, until one of us goes.
    fn tell(&self, mut connection: Connection) -> io::Result<()> {
        let Some(_viewer) = Viewer::come(self) else {
            return connection.respond("503 Service Unavailable", "text/plain", "16 others look at it\n");
        };
        connection.head("200 OK", "text/event-stream", &[("Cache-Control", "no-store")])?;
        let mut told = None;
        loop {
            let news = |board: &mut Board| told == Some(board.number) && !board.finished;
            let waited = self.changed.wait_timeout_while(self.lock(), WORD, news);
            let board = waited.unwrap_or_else(PoisonError::into_inner).0;
            let (line, number, finished) = (board.line.clone(), board.number, board.finished);
            drop(board);
            connection.be_patient();
            match told == Some(number) {
                true => connection.send(b": still here\n\n")?,
                false => connection.send(format!("data: {line}\n\n").as_bytes())?,
            }
            if finished {
                return connection.send(b"event: close\ndata: \n\n");
            }
            told = Some(number);
        }
    }
}

/// Whether a page of another origin asks, by the word of the browser. Such a page could not read the answer, but take the places of viewers.
/// Who says nothing is no browser.
fn is_asked_from_elsewhere(request: &Request) -> bool {
    match (request.field("sec-fetch-site"), request.field("origin")) {
        (Some(site), _) if !matches!(site, "same-origin" | "none") => true,
        (None, Some(origin)) => {
            let own = origin.split_once("://").map(|(_, host)| host);
            own.is_none() || own != request.field("host")
        }
        _ => false,
    }
}

/// Counts as long as it lasts.
struct Viewer<'p>(&'p Page);

impl<'p> Viewer<'p> {
    /// `None`: there are enough.
    fn come(page: &'p Page) -> Option<Self> {
        let mut board = page.lock();
        (board.viewers < VIEWERS).then(|| {
            board.viewers += 1;
            Viewer(page)
        })
    }
}

impl Drop for Viewer<'_> {
    fn drop(&mut self) {
        self.0.lock().viewers -= 1;
    }
}
