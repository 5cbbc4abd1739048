//! The table: who is there, and what is left in each stream.

use super::member::Member;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(super) fn table(members: &mut BTreeMap<String, Member>, monitors: &[u16]) -> String {
    let mut text = String::from("\n");
    for (name, member) in members {
        let _ = writeln!(text, "{name:<8} {}", member.state());
    }
    // Each server tells of all streams that it keeps; with three replicas any one will do.
    let streams = monitors.iter().find_map(|port| streams(&ask(*port)?)).unwrap_or_default();
    for (name, (messages, leader)) in streams {
        let _ = writeln!(text, "{name:<24} {messages:>8} messages, leader {leader}");
    }
    text
}

/// What a server says about its streams.
fn ask(port: u16) -> Option<Value> {
    let address = ([127, 0, 0, 1], port).into();
    let mut server = TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()?;
    server.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    server.write_all(b"GET /jsz?streams=true HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    server.take(4 << 20).read_to_end(&mut answer).ok()?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    serde_json::from_slice(&answer[body..]).ok()
}

/// Messages and leader of each stream, by name; `None` where a server does not know of any account.
fn streams(said: &Value) -> Option<BTreeMap<String, (u64, String)>> {
    let accounts = said["account_details"].as_array()?;
    let streams = accounts.iter().filter_map(|account| account["stream_detail"].as_array()).flatten();
    let one = |stream: &Value| {
        let leader = stream["cluster"]["leader"].as_str().unwrap_or("none").to_owned();
        Some((stream["name"].as_str()?.to_owned(), (stream["state"]["messages"].as_u64()?, leader)))
    };
    Some(streams.filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_from_what_the_server_says() {
        let said = serde_json::json!({ "account_details": [{ "stream_detail": [
            { "name": "in", "state": { "messages": 7 }, "cluster": { "leader": "n2" } },
            { "name": "out", "state": { "messages": 0 } },
        ]}]});
        let found = streams(&said).unwrap();
        assert_eq!((&found["in"], &found["out"]), (&(7, "n2".to_owned()), &(0, "none".to_owned())));
        assert!(streams(&serde_json::json!({})).is_none());
    }
}
