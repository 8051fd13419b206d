//! `verify_cert`: a certificate that nobody vouches for is refused unless the application says otherwise.

#![cfg(feature = "native")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use trackwire::Track;
use trackwire::engine::{DropReason, Fate, OnExhausted};
use trackwire::growingio::Tracker;

/// Answers each connection's first request with 204.
fn serve() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    let cert = CertificateDer::from_pem_file(format!("{folder}/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // The body is one JSON array, so its end shows in the bytes.
            while !request.ends_with(b"}]") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    format!("https://localhost:{port}")
}

fn send(verify: bool) -> (u64, Option<Fate>) {
    let (sender, outcomes) = std::sync::mpsc::channel();
    let tracker = Tracker::builder("p", "d", serve())
        .verify_cert(verify)
        .on_exhausted(OnExhausted::Drop)
        .retry_backoff_factor(0.001)
        .on_outcome(move |outcome| sender.send(outcome.fate.clone()).unwrap())
        .build()
        .unwrap();
    tracker.track(Track::new("buy").user("u1")).unwrap();
    tracker.flush_blocking(Duration::from_secs(20)).unwrap();
    (tracker.stats().delivered, outcomes.recv().ok())
}

#[test]
fn an_unknown_certificate_is_refused_by_default() {
    let (delivered, fate) = send(true);
    assert_eq!(delivered, 0);
    let Some(Fate::Dropped(DropReason::Exhausted(cause))) = fate else { panic!("{fate:?}") };
    assert!(cause.message.contains("certificate"), "the reason is said: {}", cause.message);
}

#[test]
fn it_is_taken_when_the_application_says_so() {
    assert_eq!(send(false), (1, Some(Fate::Delivered)));
}
