//! The live page in a real browser: Chromium without a window, told what to do over its debugging pipe.
#![cfg(all(feature = "live", unix))]

use pipe_core::{FromIter, Inline, Run, RunError, Source, skip};
use pipe_metrics::Live;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs, process};

/// Far longer than anything here takes: a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// As systems call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut found = env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    found.find(|program| program.is_file())
}

/// A page in a browser.
struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    folder: PathBuf,
    /// Ends the browser if a test takes too long: then all reading ends, too.
    over: Sender<()>,
}

impl Browser {
    fn open(program: &PathBuf, url: &str) -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let (process, folder) = (process::id(), FOLDERS.fetch_add(1, Relaxed));
        let folder = env::temp_dir().join(format!("pipe-live-{process}-{folder}"));
        // It reads commands from 3 and writes answers to 4, each of them ended by a zero.
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --remote-debugging-pipe \"--user-data-dir=$1\" \
                      3<&0 4>&1 1>/dev/null 2>/dev/null";
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(program).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().expect("there is a shell");
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (over, is_over) = channel::<()>();
        let id = child.id().to_string();
        thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let mut browser = Browser { child, commands, answers, session: None, last: 0, folder, over };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        browser.call("Page.navigate", json!({ "url": url }));
        browser.until("document.readyState === 'complete'");
        browser
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = session.clone().into();
        }
        write!(self.commands, "{command}\0").expect("it is there");
        loop {
            let mut answer = Vec::new();
            self.answers.read_until(0, &mut answer).expect("it answers");
            assert_eq!(answer.pop(), Some(0), "the browser has gone");
            let mut answer: Value = serde_json::from_slice(&answer).expect("it is JSON");
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// What this expression of the page's language is.
    fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until it is true: the page itself looks, whenever it draws.
    fn until(&mut self, expression: &str) {
        let waiting = format!(
            "new Promise(done => {{ const look = () => ({expression}) ? done(true) : setTimeout(look, 20); look(); }})"
        );
        assert_eq!(self.eval(&waiting), true);
    }

    fn looks(&mut self, width: u32, scheme: &str) -> Value {
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features);
        self.eval(
            "({ wide: document.documentElement.scrollWidth, page: getComputedStyle(document.body).backgroundColor, \
               ink: getComputedStyle(document.body).color })",
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        self.last += 1;
        let _ = write!(self.commands, "{}\0", json!({ "id": self.last, "method": "Browser.close" }));
        let _ = self.child.wait();
        let _ = self.over.send(());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A run that takes one item for each word that it is sent, and then the rest; with a stage of this name.
fn stepped(live: &Live, stage: &'static str) -> (Sender<()>, JoinHandle<Result<(), RunError>>) {
    let (step, steps) = channel::<()>();
    let (live, steps) = (live.clone(), Mutex::new(steps));
    let work = move || {
        let numbers = FromIter::new(0..10_000u64).pipeline().try_map(move |n| {
            let _ = steps.lock().unwrap().recv_timeout(PATIENCE);
            if n == 3 { Err("a three") } else { Ok(n) }
        });
        let whole = numbers.named(stage).on_error(skip()).edge().map(|n| n).named("last").for_each(drop);
        whole.handled_by(&Run::new()).observe(live).run_on(&Inline).map(drop)
    };
    (step, thread::spawn(work))
}

const HOSTILE: &str =
    "<img src=x onerror=\"document.title='broken'\"></script><script>document.title='broken'</script>";

/// How light a colour is, of 765.
fn light(colour: &Value) -> u32 {
    let digits = colour.as_str().unwrap().trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok()).take(3).sum()
}

#[test]
fn a_browser_shows_the_run_while_it_goes_on_on_a_phone_and_in_the_dark_and_its_buttons_work() {
    let Some(program) = browser() else {
        // Not `println!`, which a test's own output swallows.
        let why = "no Chromium: apt-get install chromium";
        io::stdout().write_all(format!("\nSKIP the live page in a browser: {why}\n").as_bytes()).unwrap();
        return;
    };
    let live = Live::on("127.0.0.1:0").expect("there is a free port");
    let (step, ended) = stepped(&live, HOSTILE);
    let mut browser = Browser::open(&program, &live.url());

    // It goes on: what the page shows comes from the run.
    browser.until("document.querySelectorAll('.part').length === 4");
    assert_eq!(browser.eval("document.getElementById('state').textContent"), "▶ running");
    (0..100).for_each(|_| step.send(()).expect("it runs"));
    browser.until(
        "last.runs[0].skipped === 1 && document.querySelector('main').textContent.includes('✗ skipped 1')",
    );

    // Names are text.
    let named = browser.eval("document.querySelector('main').textContent");
    assert!(named.as_str().is_some_and(|text| text.contains(HOSTILE)), "{named}");
    assert_eq!(browser.eval("document.querySelectorAll('img').length"), 0);
    assert!(!browser.eval("document.title").as_str().unwrap().contains("broken"));

    // It fits, and it is readable in the dark.
    for (scheme, is_dark) in [("light", false), ("dark", true)] {
        for width in [360, 1280] {
            let looks = browser.looks(width, scheme);
            assert!(looks["wide"].as_u64() <= Some(width.into()), "{looks} at {width}");
            let (page, ink) = (light(&looks["page"]), light(&looks["ink"]));
            assert_eq!(page < ink, is_dark, "{looks}");
            assert!(page.abs_diff(ink) > 400, "{looks}: too little contrast");
        }
    }
    // Every bar says in words what it shows in colours.
    let worded = "[...document.querySelectorAll('.bar')].every(bar => bar.getAttribute('aria-label').includes('busy'))";
    assert_eq!(browser.eval(worded), true);

    // Cancel asks again, drain does not.
    browser.eval("document.getElementById('cancel').click()");
    assert_eq!(browser.eval("document.getElementById('cancel').textContent"), "Cancel: sure?");
    browser.eval("document.getElementById('drain').click()");
    browser.until("last.runs[0].state === 'draining'");
    drop(step);
    assert!(ended.join().expect("it does not panic").is_ok());
    browser.until("document.getElementById('state').textContent === '■ drained'");

    // The end stays there when the page is not served any more.
    drop(live);
    browser.until("document.getElementById('about').textContent.includes('not served any more')");
    assert_eq!(browser.eval("document.getElementById('state').textContent"), "■ drained");
    assert_eq!(browser.eval("document.getElementById('drain').disabled"), true);
}

#[test]
fn without_the_token_there_are_no_buttons() {
    let Some(program) = browser() else { return };
    let live = Live::on("127.0.0.1:0").expect("there is a free port");
    let whole = FromIter::new(0..10u64).pipeline().map(|n| n).for_each(drop).observe(live.clone());
    whole.run_on(&Inline).expect("nothing fails");
    let mut browser = Browser::open(&program, &format!("http://{}/", live.address()));
    browser.until("document.getElementById('state').textContent === '■ ended'");
    assert_eq!(
        browser.eval("document.getElementById('drain').hidden && document.getElementById('cancel').hidden"),
        true
    );
}

#[test]
fn cancel_is_about_the_run_of_the_first_click_whatever_begins_meanwhile() {
    let Some(program) = browser() else { return };
    let live = Live::on("127.0.0.1:0").expect("there is a free port");
    let (first_step, first) = stepped(&live, "first");
    let mut browser = Browser::open(&program, &live.url());
    browser.until("last.runs.length === 1 && last.runs[0].parts");
    browser.eval("document.getElementById('cancel').click()");
    let (second_step, second) = stepped(&live, "second");
    browser.until("last.runs.length === 2");
    browser.eval("document.getElementById('cancel').click()");
    browser.until(
        "last.runs[0].state !== 'running' || document.getElementById('cancel').textContent === 'Cancel'",
    );
    drop((first_step, second_step));
    let (first, second) =
        (first.join().expect("it does not panic"), second.join().expect("it does not panic"));
    assert!(second.is_ok(), "{second:?}");
    assert!(matches!(first, Err(RunError::Cancelled)), "{first:?}");
}
