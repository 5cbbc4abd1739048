//! The live page as its viewers get it, without a browser.
#![cfg(feature = "live")]

use pipe_core::{Cancel, Clock, FromIter, Inline, Run, RunError, Source, skip};
use pipe_metrics::{Live, ServeError};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Far longer than anything here takes: a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

fn live() -> Live {
    Live::on("127.0.0.1:0").expect("there is a free port")
}

fn connect(live: &Live) -> TcpStream {
    let connection = TcpStream::connect(live.address()).expect("it listens");
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Head and body of the answer.
fn ask(live: &Live, request: &str) -> (String, String) {
    let mut connection = connect(live);
    write!(connection, "{request}\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn get(live: &Live, path: &str) -> (String, String) {
    ask(live, &format!("GET {path} HTTP/1.1\r\nHost: {}", live.address()))
}

fn post(live: &Live, what: &str, token: &str, run: &str) -> String {
    let host = live.address();
    let request = format!("POST /{what} HTTP/1.1\r\nHost: {host}\r\nX-Token: {token}\r\nX-Run: {run}");
    ask(live, &request).0.lines().next().unwrap_or_default().to_owned()
}

fn token(live: &Live) -> String {
    live.url().split('#').nth(1).expect("behind the #").to_owned()
}

/// The states that a viewer is told.
struct Viewer {
    lines: BufReader<TcpStream>,
}

impl Viewer {
    fn of(live: &Live) -> Self {
        let mut connection = connect(live);
        write!(connection, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", live.address()).unwrap();
        Viewer { lines: BufReader::new(connection) }
    }

    /// The next state in which this is so. `None`: the page is not served any more.
    fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("it comes in time") > 0 {
            let state = line.strip_prefix("data: ").and_then(|state| serde_json::from_str(state).ok());
            if let Some(state) = state.filter(|state| is_so(state)) {
                return Some(state);
            }
            line.clear();
        }
        None
    }

    fn until_the_run_is(&mut self, state: &str) -> Value {
        let found = self.until(|told| told["runs"][0]["state"] == state);
        found.unwrap_or_else(|| panic!("it is never told {state}"))["runs"][0].clone()
    }
}

/// A run that waits in its 5,000th item until the gate is opened.
struct Gated {
    gate: Sender<()>,
    run: Run,
    ended: JoinHandle<Result<(), RunError>>,
}

fn gated(live: &Live, stage: &str) -> Gated {
    let (gate, closed): (_, Receiver<()>) = channel();
    let (live, run, stage) = (live.clone(), Run::new(), stage.to_owned());
    let handle = run.clone();
    let ended = thread::spawn(move || {
        let closed = std::sync::Mutex::new(closed);
        let numbers = FromIter::new(0..10_000u64).pipeline().try_map(move |n| {
            if n == 5_000 {
                let _ = closed.lock().unwrap().recv_timeout(PATIENCE);
            }
            if n % 1_000 == 7 { Err("a seven") } else { Ok(n) }
        });
        let stages = numbers.named(&stage).on_error(skip()).edge().map(|n| n + 1).named("plus one");
        stages.for_each(drop).handled_by(&handle).observe(live).run_on(&Inline).map(drop)
    });
    Gated { gate, run, ended }
}

impl Gated {
    fn go_on(self) -> Result<(), RunError> {
        // One that was stopped may have ended before it came to its gate.
        let _ = self.gate.send(());
        self.ended.join().expect("it does not panic")
    }
}

#[test]
fn a_viewer_sees_a_run_begin_go_on_and_end() {
    let live = live();
    let mut viewer = Viewer::of(&live);
    let run = gated(&live, "check");
    let told = viewer.until(|told| told["runs"][0]["taken"].as_u64() > Some(0)).expect("it is told");
    assert_eq!(told["runs"][0]["state"], "running");
    assert_eq!(run.go_on().map_err(|error| error.to_string()), Ok(()));
    let ended = viewer.until_the_run_is("ended");
    assert_eq!(
        (&ended["taken"], &ended["written"], &ended["skipped"]),
        (&10_000.into(), &9_990.into(), &10.into())
    );
    let parts: Vec<_> =
        ended["parts"].as_array().unwrap().iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(parts, ["source", "segment 0", "segment 1", "sink"]);
    let segment = &ended["parts"][1];
    assert_eq!(
        (&segment["stages"][0]["name"], &segment["stages"][0]["skipped"]),
        (&"check".into(), &10.into())
    );
    assert_eq!((&segment["emitted"], &ended["parts"][2]["taken"]), (&9_990.into(), &9_990.into()));
    assert_eq!(ended["parts"][2]["waiting"], 0);
    let shares = segment["times"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-6, "{segment}");
    assert_eq!(segment["quantiles"].as_array().map(Vec::len), Some(4));
    assert!(ended["history"]["at"].as_array().unwrap().len() >= 2);
    // A late viewer gets the same.
    let late = Viewer::of(&live).until_the_run_is("ended");
    assert_eq!((late["taken"].clone(), late["id"].clone()), (10_000.into(), 1.into()));
    // And who is there when the page goes is told that.
    drop(live);
    assert!(viewer.until(|_| false).is_none());
}

#[test]
fn a_failure_is_shown_in_its_words() {
    let live = live();
    let fails =
        FromIter::new(0..10u64).pipeline().try_map(|n| if n < 9 { Ok(n) } else { Err("the \"last\" <one>") });
    let failed = fails.named("check").for_each(drop).observe(live.clone()).run_on(&Inline).unwrap_err();
    let told = Viewer::of(&live).until_the_run_is("failed");
    assert_eq!(told["why"], failed.to_string());
}

#[test]
fn the_page_is_one_file_that_loads_nothing_and_runs_its_own_script_alone() {
    let live = live();
    let (head, page) = get(&live, "/");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/html"), "{head}");
    let nonce =
        page.split("<script nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce");
    assert!(
        head.contains(&format!("script-src 'nonce-{nonce}'")) && head.contains("default-src 'none'"),
        "{head}"
    );
    let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "//cdn", "src=", "@import", "url(http", "innerHTML", "NONCE", ">STATE<"] {
        assert!(!elsewhere.contains(word), "{word}");
    }
    let (_, again) = get(&live, "/?a=b");
    assert!(!again.contains(nonce), "a nonce is used once");
    assert!(!page.contains(&token(&live)), "the token is in the address alone");
    assert!(!format!("{live:?}").contains(&token(&live)));
}

#[test]
fn a_stage_named_like_a_script_is_text_wherever_it_goes() {
    let live = live();
    let name = "</script><script>alert('\"\\\u{1}\u{2028}";
    let run = FromIter::new(0..10u64).pipeline().map(|n| n).named(name).for_each(drop);
    run.observe(live.clone()).run_on(&Inline).expect("nothing fails");
    let told = Viewer::of(&live).until_the_run_is("ended");
    assert_eq!(told["parts"][1]["stages"][0]["name"], name);
    let (_, page) = get(&live, "/");
    assert_eq!(page.matches("</script>").count(), 2, "the page's own two");
    assert!(page.contains("\\u003c/script>"));
}

#[test]
fn a_run_is_drained_and_cancelled_by_who_has_the_token_and_by_nobody_else() {
    let live = live();
    let token = token(&live);
    let cancelled = Err(RunError::Cancelled.to_string());
    for (what, ends, shown, why) in
        [("drain", Ok(()), "drained", ""), ("cancel", cancelled, "failed", "cancelled")]
    {
        let run = gated(&live, "check");
        let id = Viewer::of(&live).until_the_run_is("running")["id"].to_string();
        for wrong in ["", "0", &token[1..], &token.replace(|_: char| true, "0")] {
            assert_eq!(post(&live, what, wrong, &id), "HTTP/1.1 403 Forbidden");
        }
        assert_eq!(get(&live, &format!("/{what}")).0.lines().next(), Some("HTTP/1.1 404 Not Found"));
        assert_eq!(post(&live, what, &token, "99"), "HTTP/1.1 404 Not Found");
        assert_eq!(run.run.report().map(|report| report.drained), Some(false));
        assert_eq!(post(&live, what, &token, &id), "HTTP/1.1 200 OK");
        assert_eq!(run.go_on().map_err(|error| error.to_string()), ends, "{what}");
        assert_eq!(post(&live, what, &token, &id), "HTTP/1.1 409 Conflict");
        // The board is drawn a moment after a run's end: until then the next viewer would be shown this run as running.
        assert_eq!(Viewer::of(&live).until_the_run_is(shown)["why"], why);
    }
}

#[test]
fn viewers_that_do_not_read_hold_up_neither_the_run_nor_each_other() {
    let live = live();
    // More than the system keeps for a connection: writing to who does not read blocks.
    let stage = "x".repeat(8 << 20);
    let deaf: Vec<_> = (0..3).map(|_| Viewer::of(&live)).collect();
    let gone: Vec<_> = (0..3).map(|_| Viewer::of(&live)).collect();
    drop(gone);
    let run = gated(&live, &stage);
    let mut viewer = Viewer::of(&live);
    viewer.until_the_run_is("running");
    assert_eq!(run.go_on().map_err(|error| error.to_string()), Ok(()));
    viewer.until_the_run_is("ended");
    drop(live);
    assert!(viewer.until(|_| false).is_none());
    drop(deaf);
}

#[test]
fn only_so_many_look_at_once_and_who_goes_makes_room() {
    let live = live();
    let mut viewers: Vec<_> = (0..16).map(|_| Viewer::of(&live)).collect();
    viewers.iter_mut().for_each(|viewer| assert!(viewer.until(|_| true).is_some()));
    let (head, said) = get(&live, "/events");
    assert!(head.starts_with("HTTP/1.1 503") && said.contains("16"), "{head}\n{said}");
    assert!(get(&live, "/").0.starts_with("HTTP/1.1 200"), "the page itself is there for all");
    viewers.clear();
    // It notices by writing to them, and writes when something happens.
    let has_room = |_| {
        gated(&live, "again").go_on().expect("nothing fails");
        let mut head = String::new();
        Viewer::of(&live).lines.read_line(&mut head).expect("it answers");
        head.contains("200")
    };
    assert!((0..1_000).any(has_room), "nobody makes room");
}

#[test]
fn the_last_eight_runs_are_shown_and_the_others_are_counted() {
    let live = live();
    for n in 0..20u64 {
        let run = FromIter::new(0..n).pipeline().map(|n| n).for_each(drop).observe(live.clone());
        run.run_on(&Inline).expect("nothing fails");
    }
    let told = Viewer::of(&live)
        .until(|told| told["runs"][0]["id"] == 20 && told["runs"][0]["state"] == "ended")
        .expect("it is told");
    let ids: Vec<_> =
        told["runs"].as_array().unwrap().iter().map(|run| run["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (13..=20).rev().collect::<Vec<_>>());
    assert_eq!(told["left_out"], 12);
}

#[test]
fn who_comes_by_another_name_is_refused() {
    let live = live();
    let ask_by = |host: &str| ask(&live, &format!("GET /state HTTP/1.1\r\nHost: {host}")).0[9..12].to_owned();
    for host in ["127.0.0.1", "127.0.0.1:80", "localhost:80", "[::1]:80"] {
        assert_eq!(ask_by(host), "200", "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example:80", "", "192.0.2.1:80"] {
        assert_eq!(ask_by(host), "421", "{host}");
    }
}

#[test]
fn an_address_that_others_can_reach_has_to_be_asked_for_in_words() {
    let refused = Live::on("0.0.0.0:0").expect_err("it is refused");
    assert!(matches!(refused, ServeError::Reachable { .. }), "{refused}");
    let live = Live::on_the_network("0.0.0.0:0").expect("there is a free port");
    drop(live.clone());
    drop(live); // and does not hang
    let taken = live_on_taken();
    assert!(matches!(taken, ServeError::Io { .. }), "{taken}");
}

fn live_on_taken() -> ServeError {
    let first = live();
    Live::on(first.address()).expect_err("it is taken")
}

#[test]
fn a_page_of_another_origin_takes_no_place_and_presses_no_button() {
    let live = live();
    let own = live.address();
    let ask_as = |line: &str, field: &str| {
        ask(&live, &format!("{line} HTTP/1.1\r\nHost: {own}\r\n{field}")).0[9..12].to_owned()
    };
    for line in ["GET /events", "GET /state", "POST /drain", "POST /cancel"] {
        for field in [
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Origin: http://evil.example",
            "Origin: null",
        ] {
            let (head, said) = ask(&live, &format!("{line} HTTP/1.1\r\nHost: {own}\r\n{field}"));
            assert!(
                head.starts_with("HTTP/1.1 403") && said.contains("other pages"),
                "{line}, {field}: {head}"
            );
        }
    }
    for field in ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", &format!("Origin: http://{own}")] {
        assert_eq!(ask_as("GET /state", field), "200", "{field}");
    }
    assert_eq!(ask_as("GET /", "Sec-Fetch-Site: cross-site"), "200", "a link to the page");
}

/// A clock that holds up the ticker of a page until the gate is opened.
#[derive(Clone)]
struct HoldsTheTicker {
    entered: Arc<(Mutex<bool>, Condvar)>,
    open: Arc<(Mutex<bool>, Condvar)>,
}

fn set(gate: &(Mutex<bool>, Condvar)) {
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
}

fn wait_for(gate: &(Mutex<bool>, Condvar)) {
    let waited = gate.1.wait_timeout_while(gate.0.lock().unwrap(), PATIENCE, |is_set| !*is_set).unwrap();
    assert!(!waited.1.timed_out());
}

impl Clock for HoldsTheTicker {
    fn now(&self) -> Duration {
        if thread::current().name().is_some_and(|name| name.starts_with("pipe-live-ticke")) {
            set(&self.entered);
            wait_for(&self.open);
        }
        Duration::ZERO
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}

#[test]
fn a_page_whose_last_owner_is_its_own_ticker_ends_and_tells_its_viewers() {
    let clock = HoldsTheTicker { entered: Arc::default(), open: Arc::default() };
    let live = live();
    let mut viewer = Viewer::of(&live);
    assert!(viewer.until(|_| true).is_some());
    // The run goes on until the ticker looks at it; and the ticker goes on when the run has been dropped by all others.
    let entered = clock.entered.clone();
    let numbers = (0..3u64).inspect(move |_| wait_for(&entered));
    let run = FromIter::new(numbers).pipeline().map(|n| n).for_each(drop).observe(live);
    run.clocked_by(clock.clone()).run_on(&Inline).expect("nothing fails");
    set(&clock.open);
    let (end, ended) = channel();
    thread::spawn(move || end.send(viewer.until(|_| false).is_none()));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true), "viewers wait for a page that has gone");
}
