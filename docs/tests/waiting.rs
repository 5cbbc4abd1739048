//! The programs that wait: fetches, calls, copies. Small, as a library.

use docs::copy_tree::copy_tree;
use docs::fetch::{Load, pages};
use docs::local_server::{LocalServer, Manners};
use docs::slow_rpc::{Terms, call_all};
use pipe_core::{Run, RunError};
use pipe_stream::FileSink;
use std::fs;
use std::time::Duration;

const LOAD: Load = Load { in_flight: 100, connections: 8 };

fn server(one_fails_of: u64) -> LocalServer {
    LocalServer::start(Manners { latency: Duration::from_millis(1), one_fails_of }).unwrap()
}

#[test]
fn pages_are_in_the_file_in_the_order_of_their_addresses_although_some_had_to_be_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (file, server) = (folder.path().join("pages"), server(7));
    let urls: Vec<_> = (0..500).map(|n| server.url(&format!("/{n}"))).collect();
    let report = pages(urls.into_iter(), LOAD, FileSink::create(&file).unwrap(), &Run::new()).unwrap();
    let expected: String = (0..500).map(|n| format!("/{n}\n")).collect();
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    assert_eq!((report.value, report.taken()), (expected.len() as u64, 500));
    assert!(server.asked() > 500);
}

#[test]
fn a_server_that_always_fails_ends_the_run_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, server) = (folder.path().join("pages"), server(0));
    let sink = FileSink::create(&file).unwrap();
    let failed = pages([server.url("/busy")].into_iter(), LOAD, sink, &Run::new()).unwrap_err();
    assert!(matches!(&failed, RunError::Stage { stage, .. } if stage == "fetch"), "{failed}");
    assert!(failed.to_string().ends_with("/busy: answered with 503"), "{failed}");
    assert_eq!((server.asked(), file.exists()), (3, false));
}

#[test]
fn a_drained_fetch_leaves_a_file_of_the_first_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (file, server, run) = (folder.path().join("pages"), server(0), Run::new());
    let (base, drains) = (server.url(""), run.clone());
    let urls = (0u64..).map(move |n| {
        if n == 1_000 {
            drains.drain(Duration::from_secs(60));
        }
        format!("{base}/{n}")
    });
    let report = pages(urls, LOAD, FileSink::create(&file).unwrap(), &run).unwrap();
    assert!(report.drained);
    let expected: String = (0..report.taken()).map(|n| format!("/{n}\n")).collect();
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn calls_have_whole_batches_and_what_was_refused_is_sent_again() {
    let server = server(20);
    let terms = Terms { calls_per_second: 2_000, batch: 10 };
    let report = call_all(server.url("/"), 995, terms).unwrap();
    let sent: Vec<String> = (0..995u64).map(|n| n.to_string()).collect();
    let expected: Vec<String> = sent.chunks(10).map(|batch| format!("/ {}", batch.join(" "))).collect();
    assert_eq!(report.value, expected);
    assert!(server.asked() > 100);
}

#[test]
fn a_tree_is_copied_whole_and_what_cannot_be_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    for n in 0..300usize {
        let inner = from.join(format!("{}/{}", n % 7, n % 3));
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join(format!("{n}")), vec![n as u8; n]).unwrap();
    }
    fs::create_dir_all(from.join("empty")).unwrap();
    let copied = copy_tree(&from, &to, 3, &Run::new()).unwrap().value;
    assert_eq!((copied.files, copied.bytes, copied.failed.len()), (300, 299 * 300 / 2, 0));
    for n in 0..300usize {
        let copy = to.join(format!("{}/{}/{n}", n % 7, n % 3));
        assert_eq!(fs::read(copy).unwrap(), vec![n as u8; n]);
    }
    assert!(to.join("empty").is_dir());

    let missing = copy_tree(&folder.path().join("nowhere"), &to, 1, &Run::new()).unwrap().value;
    assert_eq!((missing.files, missing.failed.len()), (0, 1));
    assert!(missing.to_string().contains("nowhere"), "{missing}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("x", from.join("link")).unwrap();
        let linked = copy_tree(&from, &to, 2, &Run::new()).unwrap().value;
        assert_eq!((linked.files, linked.failed.len()), (300, 1));
        assert!(linked.failed[0].path.ends_with("link"));
    }
}
