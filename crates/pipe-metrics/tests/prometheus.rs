//! The page, and who serves it.
#![cfg(feature = "prometheus")]

use pipe_core::{FromIter, Inline, Source};
use pipe_metrics::{Counters, METRICS, Prometheus, text};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn counted() -> Counters {
    let counters = Counters::new();
    let numbers = FromIter::new(0..20_000u32).pipeline().map(|n| n).named("a \"b\"\\").for_each(drop);
    numbers.observe(counters.of("numbers")).run_on(&Inline).expect("nothing fails");
    counters
}

#[test]
fn the_page_has_a_head_for_each_metric_and_a_value_on_each_line() {
    let page = text(&counted());
    let mut heads = 0;
    for line in page.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let name = head.split(' ').next().unwrap();
            assert!(METRICS.iter().any(|metric| metric.name == name), "{line}");
            heads += 1;
        } else if !line.starts_with("# HELP ") {
            let (_, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(heads >= 10);
    assert!(
        page.contains(
            r#"pipe_items_taken_total{pipeline="numbers",part="segment 0",stages="a \"b\"\\"} 20000"#
        )
    );
}

#[test]
fn the_buckets_of_a_histogram_grow_up_to_its_count() {
    let page = text(&counted());
    let start = r#"pipe_slice_seconds_bucket{pipeline="numbers",part="sink","#;
    let counts: Vec<u64> = page.lines().filter(|line| line.starts_with(start)).map(value).collect();
    assert!(counts.len() == 15 && counts.is_sorted(), "{counts:?}");
    let count = page
        .lines()
        .find(|line| line.starts_with(r#"pipe_slice_seconds_count{pipeline="numbers",part="sink"}"#));
    assert_eq!(count.map(value), counts.last().copied());
    assert!(page.contains(r#"le="0.000001024"}"#) && page.contains(r#"le="+Inf"}"#));
}

fn value(line: &str) -> u64 {
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a whole number")
}

fn ask(page: &Prometheus, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(page.address()).expect("it listens");
    // It may have answered, and hung up, before all of a request that is too large was sent.
    let _ = connection.write_all(request);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8(answer).expect("it is text")
}

#[test]
fn the_server_gives_the_page_and_nothing_else() {
    let counters = counted();
    let page = Prometheus::serve(&counters, "127.0.0.1:0").expect("there is a free port");
    let scraped = ask(&page, b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, body) = scraped.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    assert_eq!(body, text(&counters));
    assert!(ask(&page, b"GET /metrics?a=b HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert!(ask(&page, b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(ask(&page, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert!(ask(&page, &[b'x'; 9 << 10]).starts_with("HTTP/1.1 431"));
    assert!(ask(&page, b"GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"), "it goes on");
}

#[test]
fn who_sends_nothing_holds_up_the_next_one_for_two_seconds_at_most() {
    let page = Prometheus::serve(&counted(), "127.0.0.1:0").expect("there is a free port");
    let idle = TcpStream::connect(page.address()).expect("it listens");
    let began = Instant::now();
    assert!(ask(&page, b"GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < Duration::from_secs(60), "it waited for {idle:?}");
}

#[test]
fn an_address_that_others_can_reach_has_to_be_asked_for_in_words() {
    let refused = Prometheus::serve(&Counters::new(), "0.0.0.0:0").err().expect("it is refused");
    assert!(refused.to_string().contains("can be reached from outside"), "{refused}");
    let page = Prometheus::serve_to_the_network(&Counters::new(), "0.0.0.0:0").expect("there is a free port");
    drop(page); // and does not hang
}
