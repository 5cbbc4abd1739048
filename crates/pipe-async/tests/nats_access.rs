//! Who is let in, and who is spoken to.
#![cfg(feature = "nats")]

mod nats_server;

use nats_server::NatsServer;
use pipe_async::{Message, Nats, NatsOptions, StreamSettings, Transport, TransportError};
use std::path::{Path, PathBuf};
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

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// A server that speaks TLS, and what else it asks for.
fn with_tls(test: &str, asks: &str) -> Option<NatsServer> {
    let [authority, server, key] = ["authority.pem", "server.pem", "server.key"].map(certificate);
    let (authority, server, key) = (authority.display(), server.display(), key.display());
    let tls =
        format!("tls {{ cert_file: \"{server}\", key_file: \"{key}\", ca_file: \"{authority}\", {asks} }}\n");
    NatsServer::start_with(test, &tls)
}

fn refused(options: &NatsOptions) -> String {
    match connect(options) {
        Err(error @ TransportError::Connect { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn off_this_machine_tls_is_enough_if_the_authority_is_known_and_nothing_is_if_not() {
    let Some(server) = with_tls("off_this_machine_tls_is_enough", "verify: false") else { return };
    let elsewhere = server.url.replace("127.0.0.1", "0.0.0.0");
    for url in [elsewhere.clone(), elsewhere.replace("nats://", "tls://"), server.url.clone()] {
        let options = NatsOptions::new([url]);
        is_usable(&connect(&options.clone().root_certificates(certificate("authority.pem"))).unwrap());
        refused(&options);
    }
    // A certificate of somebody else does not do.
    let other = NatsOptions::new([elsewhere]).root_certificates(certificate("client.pem"));
    refused(&other);
}

#[test]
fn a_server_that_asks_for_our_certificate_takes_us_with_it_and_not_without() {
    let Some(server) = with_tls("a_server_that_asks_for_our_certificate", "verify: true") else { return };
    let options = || NatsOptions::new([server.url.clone()]).root_certificates(certificate("authority.pem"));
    let ours = options().client_certificate(certificate("client.pem"), certificate("client.key"));
    is_usable(&connect(&ours).unwrap());
    refused(&options());
    // The certificate of a server is for no client.
    refused(&options().client_certificate(certificate("server.pem"), certificate("server.key")));
    let missing = options().client_certificate(certificate("client.pem"), certificate("missing.key"));
    refused(&missing);
}

/// An nkey and its seed, made for this test and known to everybody.
const NKEY: &str = "UB43KVROR7TFJ6KAPCYRF2FJROTZAH4FHLTJLPWX4DRZCC5NASLGJBFE";
const SEED: &str = "SUAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IC5CQ";
const OTHER_SEED: &str = "SUAGKZTHNBUWU23MNVXG64DROJZXI5LWO54HS6T3PR6X474AQGBIHBH5L4";

#[test]
fn an_nkey_is_taken_by_its_seed_and_no_other_is_nor_printed() {
    let configuration = format!("authorization {{ users: [ {{ nkey: {NKEY} }} ] }}\n");
    let Some(server) = NatsServer::start_with("an_nkey_is_taken_by_its_seed", &configuration) else { return };
    let options = || NatsOptions::new([server.url.clone()]);
    is_usable(&connect(&options().nkey(SEED)).unwrap());
    refused(&options());
    for wrong in [OTHER_SEED, "SUnone"] {
        let options = options().nkey(wrong);
        let said = format!("{} {options:?}", refused(&options));
        assert!(!said.contains(wrong), "{said}");
    }
}
