//! Who is let in, and who is spoken to.
#![cfg(feature = "nats")]

mod nats_server;

use nats_server::NatsServer;
use pipe_async::{Message, Nats, NatsOptions, StreamSettings, Transport, TransportError};
use std::time::Duration;

fn connect(options: &NatsOptions) -> Result<Nats, TransportError> {
    Nats::connect(options, StreamSettings { patience: Duration::from_secs(20), ..StreamSettings::default() })
}

fn is_usable(nats: &Nats) {
    nats.publish("a", Message { id: "m".to_owned(), payload: vec![1] }).unwrap().wait().unwrap();
}

#[test]
fn off_this_machine_plaintext_is_refused_unless_asked_for_in_words() {
    let test = "off_this_machine_plaintext_is_refused_unless_asked_for_in_words";
    let Some(server) = NatsServer::start(test) else { return };
    // The same server, by an address that says nothing about whose it is.
    let elsewhere = server.url.replace("127.0.0.1", "0.0.0.0");
    let options = NatsOptions::new([elsewhere]);
    let error = connect(&options).unwrap_err();
    assert!(
        matches!(error, TransportError::Connect { .. }) && error.to_string().contains("has to speak TLS"),
        "{error}"
    );
    is_usable(&connect(&options.plaintext_over_the_network()).unwrap());
    is_usable(&connect(&NatsOptions::new([server.url.clone()])).unwrap());
}

#[test]
fn a_wrong_password_is_refused_and_not_printed() {
    let configuration = "authorization { user: ann, password: hush }\n";
    let Some(server) = NatsServer::start_with("a_wrong_password_is_refused_and_not_printed", configuration)
    else {
        return;
    };
    let options = || NatsOptions::new([server.url.clone()]);
    is_usable(&connect(&options().password("ann", "hush")).unwrap());
    for wrong in [options(), options().password("ann", "guess"), options().token("guess")] {
        let error = connect(&wrong).unwrap_err();
        assert!(matches!(error, TransportError::Connect { .. }), "{error}");
        assert!(!format!("{error} {error:?} {wrong:?}").contains("guess"), "{error:?}");
    }
}

#[test]
fn nobody_who_answers_is_an_error_that_names_the_server_without_its_password() {
    // The port of a server that has ended.
    let Some(server) = NatsServer::start("nobody_who_answers") else { return };
    let gone = server.url.replace("nats://", "nats://ann:hush@");
    drop(server);
    let error = connect(&NatsOptions::new([gone])).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1") && !text.contains("hush"), "{text}");
}
