//! The programs as a shell sees them: output, exit codes, signals.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const PROGRAMS: [&str; 2] = ["stations", "access_log"];

/// The program, built from the sources as they are now: a run of this test file alone builds no examples.
fn program(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // target/PROFILE/deps/programs-HASH
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--examples"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
        profile.join("examples")
    });
    Command::new(folder.join(name))
}

fn output(name: &str, args: &[&str]) -> Output {
    program(name).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_file_and_standard_input_give_the_same_on_either_executor() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    let lines = ["a;1.0\nb;-2.5\na;2.0\n", "h - - [t] \"GET / HTTP/1.0\" 200 7\n[t] [warn] x\n?\n"];
    let expected = [
        "{a=1.0/1.5/2.0, b=-2.5/-2.5/-2.5}\n",
        "request\t/\t200\t1\t7\nerror\twarn\t1\nmalformed\t1\nmalformed at byte\t46\n",
    ];
    for ((name, lines), expected) in PROGRAMS.into_iter().zip(lines).zip(expected) {
        fs::write(&file, lines).unwrap();
        for on in [&["--on", "inline"][..], &["--on", "parallel"], &["--on", "parallel", "--workers", "3"]] {
            let from_file = program(name).args(on).arg(&file).output().unwrap();
            let from_stdin =
                program(name).args(on).arg("-").stdin(fs::File::open(&file).unwrap()).output().unwrap();
            for output in [from_file, from_stdin] {
                assert_eq!((text(&output.stdout), text(&output.stderr)), (expected, ""));
                assert_eq!(output.status.code(), Some(0));
            }
        }
    }
}

#[test]
fn what_goes_wrong_is_said_and_is_an_exit_code() {
    for name in PROGRAMS {
        let check = |args: &[&str], code: i32, said: &str| {
            let output = output(name, args);
            assert_eq!(output.status.code(), Some(code), "{name} {args:?}");
            assert_eq!(text(&output.stdout), "");
            let stderr = text(&output.stderr);
            assert!(stderr.contains(said), "{name} {args:?}: {stderr}");
            assert!(!stderr.contains("panicked"), "{stderr}");
        };
        let missing = format!("{name}: open \"no/such/file\": No such file or directory (os error 2)\n");
        check(&["no/such/file"], 1, &missing);
        check(&["/"], 1, &format!("{name}: open \"/\": Is a directory"));
        check(&["--on", "parallel", "--workers", "0", "-"], 1, &format!("{name}: workers = 0: "));
        check(&[], 2, "Usage:");
        check(&["--on", "nothing", "-"], 2, "possible values: inline, parallel");
        check(&["--workers", "many", "-"], 2, "invalid value");
    }
    let unwritable = output("access_log", &["--dead-letters", "no/such/file", "-"]);
    let said = "access_log: open \"no/such/file\": No such file or directory (os error 2)\n";
    assert_eq!((unwritable.status.code(), text(&unwritable.stderr)), (Some(1), said));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    fs::write(&file, "a;1.0\nb\n").unwrap();
    let output = output("stations", &[file.to_str().unwrap()]);
    let said = "stations: stage reading failed at 6: the line does not end in a value such as ;-12.3\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), said));
}

#[test]
fn the_report_and_the_dead_letters_stand_beside_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let (file, letters) = (folder.path().join("in"), folder.path().join("bad.ndjson"));
    fs::write(&file, "h - - [t] \"GET / HTTP/1.0\" 200 7\n?\n").unwrap();
    let output = program("access_log")
        .arg("--report")
        .arg("--dead-letters")
        .arg(&letters)
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "request\t/\t200\t1\t7\nmalformed\t1\nmalformed at byte\t33\n");
    assert_eq!(output.status.code(), Some(0));
    let report = text(&output.stderr);
    assert!(
        report.contains("entry [dead letter] > fold#1: 2 taken, 1 emitted, entry dead-lettered 1, busy "),
        "{report}"
    );
    let letters = fs::read_to_string(&letters).unwrap();
    assert!(letters.contains("\"at\":33,") && letters.contains("\"record\":\"?\""), "{letters}");
    assert_eq!(letters.lines().count(), 1);
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    // More than a pipe holds, whoever reads it.
    let lines = [
        (0..9_000).map(|n| format!("station {n};1.0\n")).collect::<String>(),
        (0..9_000).map(|n| format!("h - - [t] \"GET /{n} HTTP/1.0\" 200 7\n")).collect(),
    ];
    for (name, lines) in PROGRAMS.into_iter().zip(lines) {
        fs::write(&file, lines).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(name).arg(&file).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{name}");

        let mut child =
            program(name).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut head = [0; 10];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut head).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    let lines = ["a;1.0\n", "?\n"];
    for (name, lines) in PROGRAMS.into_iter().zip(lines) {
        fs::write(&file, lines).unwrap();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program(name).arg(&file).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("No space left on device"), "{}", text(&output.stderr));
    }
}

/// A program that reads from us and gets no end of input.
struct Endless {
    child: Child,
    /// Held open, unless somebody else feeds it.
    stdin: Option<ChildStdin>,
}

/// What it was fed before it was interrupted, and what stations prints of it.
const FED: (&str, usize, &str) = ("a;1.0\n", 1 << 18, "{a=1.0/1.0/1.0}\n");

impl Endless {
    fn start(name: &str, on: &str) -> Self {
        let mut command = program(name);
        command.args(["--on", on, "-"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Far more than a pipe holds: when it is written the program has been reading, so its handler is in place.
        stdin.write_all(FED.0.repeat(FED.1).as_bytes()).unwrap();
        Endless { child, stdin: Some(stdin) }
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// How it ended, and what it printed.
    fn ended(mut self) -> (ExitStatus, String, String) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                let (mut stdout, mut stderr) = (String::new(), String::new());
                self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
                self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
                return (status, stdout, stderr);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().unwrap();
        panic!("still there after Ctrl-C");
    }
}

#[test]
fn ctrl_c_ends_a_program_that_waits_for_input() {
    for name in PROGRAMS {
        for on in ["inline", "parallel"] {
            let endless = Endless::start(name, on);
            endless.interrupt();
            // What it prints depends on whether it had come to the end of what is in the pipe.
            let (status, ..) = endless.ended();
            assert_eq!(status.code(), Some(130), "{name} on {on}: {status}");
        }
    }
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let endless = Endless::start("stations", "inline");
    let started = Instant::now();
    endless.interrupt();
    // Two signals that are pending at once are one.
    thread::sleep(Duration::from_millis(50));
    endless.interrupt();
    let (status, ..) = endless.ended();
    assert_eq!(status.code(), Some(130), "{status}");
    // The first alone would have taken two seconds.
    assert!(started.elapsed() < Duration::from_millis(1_900), "{:?}", started.elapsed());
}

#[test]
fn a_program_that_works_prints_after_ctrl_c_what_it_has_read() {
    for name in PROGRAMS {
        for on in ["inline", "parallel"] {
            let mut endless = Endless::start(name, on);
            let mut stdin = endless.stdin.take().unwrap();
            let feeder =
                thread::spawn(move || while stdin.write_all(FED.0.repeat(1 << 16).as_bytes()).is_ok() {});
            endless.interrupt();
            let (status, stdout, stderr) = endless.ended();
            feeder.join().unwrap();
            assert_eq!(status.code(), Some(130), "{name} on {on}: {status}");
            let read = stderr.strip_prefix(&format!("{name}: interrupted; this is the result of the "));
            let read: usize =
                read.unwrap_or_else(|| panic!("{stderr}")).split(' ').next().unwrap().parse().unwrap();
            // Some of what it was fed was in the pipe yet.
            assert!(read > FED.1 / 2, "{name} on {on}: {read} lines");
            match name {
                "stations" => assert_eq!(stdout, FED.2),
                _ => assert!(stdout.starts_with(&format!("malformed\t{read}\n")), "{stdout}"),
            }
        }
    }
}

/// Runs a program of numbers on either executor, which have to agree, and returns what it prints and what it writes.
fn written(name: &str, options: &[&str], input: &Path, output: &Path) -> (String, Vec<u8>) {
    let [inline, parallel] = ["inline", "parallel"].map(|on| {
        let mut command = program(name);
        command.args(options).args(["--on", on, "--workers", "2"]).arg(input).arg(output);
        let ended = command.output().unwrap();
        assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), ""), "{name} on {on}");
        (text(&ended.stdout).to_owned(), fs::read(output).unwrap())
    });
    assert_eq!(inline, parallel, "{name}");
    inline
}

#[test]
fn the_picture_program_finds_the_edge_between_dark_and_light() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.ppm"), folder.path().join("out.png"));
    let row: Vec<u8> = [[0; 3 * 20], [255; 3 * 20]].concat();
    fs::write(&input, [&b"P6\n40 70\n255\n"[..], &row.repeat(70)].concat()).unwrap();
    let (said, png) = written("image", &["--show", "edges"], &input, &output);
    assert_eq!(
        (said.lines().next(), said.lines().last()),
        (Some("  0 to  15\t1400"), Some("240 to 255\t1400"))
    );
    assert!(png.starts_with(b"\x89PNG"));
    let edges = docs::image::Image::open(&output).unwrap();
    let bright = edges.rgb().chunks(3 * 40).map(|row| row.iter().filter(|level| **level > 100).count() / 3);
    assert!(bright.eq([2; 70]), "two pixels of each row stand at the edge");
}

#[test]
fn the_sound_program_says_how_loud_a_tone_is_and_draws_it() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.svg"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut sound = hound::WavWriter::create(&input, spec).unwrap();
    (0..8_000).for_each(|n| sound.write_sample(if n % 2 == 0 { 16_384_i16 } else { -16_384 }).unwrap());
    sound.finalize().unwrap();
    let (said, svg) = written("signal", &["--cutoff", "500", "--taps", "63"], &input, &output);
    assert_eq!(said.lines().next(), Some("before\t0.5000"), "{said}");
    let behind: f64 = said.lines().nth(1).unwrap().strip_prefix("behind\t").unwrap().parse().unwrap();
    assert!(behind < 0.05, "the highest tone there is goes through: {behind}");
    assert!(text(&svg).contains("below 500 Hz"));
}

#[test]
fn the_table_program_writes_the_columns_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    fs::write(&input, "name,a,b\nx,1,10\ny,3,10\nz,?,10\n").unwrap();
    let (said, csv) = written("table", &["--columns", "b,a"], &input, &output);
    assert_eq!(said, "b\t2\t10.0000\t0.0000\t10\t10\na\t2\t2.0000\t1.0000\t1\t3\n");
    assert_eq!(text(&csv), "b,a\n0,-1\n0,1\n");
}

#[test]
fn the_live_program_says_where_its_page_is_and_serves_it_while_it_runs() {
    let mut command = program("live");
    let mut child =
        command.args(["--seconds", "3", "--workers", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    let address =
        first.strip_prefix("open http://").and_then(|url| url.split('/').next()).expect("an address");
    let state = || {
        let mut connection = TcpStream::connect(address).unwrap();
        write!(connection, "GET /state HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut state = String::new();
        connection.read_to_string(&mut state).unwrap();
        state
    };
    // The page is there before the run.
    let state = std::iter::repeat_with(state).find(|state| state.contains("\"workers\":")).unwrap();
    assert!(state.contains("\"title\":\"live\"") && state.contains("\"workers\":2"), "{state}");
    let mut report = String::new();
    said.read_to_string(&mut report).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(report.contains("segment 0 (parallel) hash [skip] > check [skip]"), "{report}");
}

#[test]
fn the_tail_program_keeps_lines_while_their_peer_is_silent_and_after_ctrl_c_all_that_it_has_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.log");
    let mut command = program("tail_and_batch");
    command.args(["--age-ms", "1"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    let address = first.trim_end().strip_prefix("listening on ").expect("an address");
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"one\ntwo\n").unwrap();
    let started = Instant::now();
    while fs::read(&file).unwrap_or_default() != b"one\ntwo\n" {
        assert!(started.elapsed() < Duration::from_secs(60), "lines are kept back");
        thread::sleep(Duration::from_millis(5));
    }
    let endless = Endless { child, stdin: None };
    endless.interrupt();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let mut child = endless.child;
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.starts_with("2 lines, 8 bytes, ") && rest.contains(" 0 broken, "), "{rest}");
    assert_eq!(fs::read(&file).unwrap(), b"one\ntwo\n");
}

#[test]
fn the_tail_program_sends_lines_to_itself_and_ends_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.log");
    let ended = output("tail_and_batch", &["--lines", "1000", file.to_str().unwrap()]);
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), ""));
    assert!(text(&ended.stdout).contains("\n1000 lines, "), "{}", text(&ended.stdout));
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1_000);
}
