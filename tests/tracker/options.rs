//! What the options promise: credentials, headers, a tracker that records nothing.

use super::*;

#[test]
fn credentials_in_the_host_are_sent_and_kept_secret() {
    let server = Server::start([status(503)]);
    let host = server.url().replace("http://", "http://user:s3cret@");
    let lines = Arc::new(Mutex::new(String::new()));
    let printed = lines.clone();
    let builder = Tracker::builder("p", "d", host)
        .consumer(Consumer::Debug)
        .retry_backoff_factor(0.001)
        .debug_printer(move |line| printed.lock().unwrap().push_str(line));
    let debug = format!("{builder:?}");
    assert!(debug.contains("127.0.0.1") && !debug.contains("s3cret"), "{debug}");
    let tracker = builder.build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].headers.contains(&("authorization".into(), "Basic dXNlcjpzM2NyZXQ=".into())));
    let lines = lines.lock().unwrap();
    assert!(lines.contains("127.0.0.1") && !lines.contains("s3cret"), "{lines}");
    for host in ["http://user:s3cret@", "user:s3cret@h", "http://user:s3cret/x@h"] {
        let builder = Tracker::builder("p", "d", host);
        assert!(!format!("{builder:?}").contains("s3cret"), "{builder:?}");
        let error = builder.build().unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn headers_that_frame_the_request_cannot_be_set() {
    for name in ["Content-Type", "x-compress-codec", "X-Crypt-Codec", "x-timestamp", "content-length", "host"]
    {
        let error = Tracker::builder("p", "d", "http://h").header(name, "1").build().unwrap_err();
        let BuildError::Option(error) = error else { panic!("{error}") };
        assert_eq!(error.option, "header");
        assert!(error.problem.contains(&name.to_lowercase()), "{error}");
    }
    // The others replace what would be sent.
    let server = Server::start([]);
    let tracker =
        builder(&server).format(Format::ProtobufSnappyCrypt).header("Accept", "x/y").build().unwrap();
    tracker.track(buy("u1")).unwrap();
    assert_eq!(delivered(&tracker), 1);
    let headers = &server.seen()[0].headers;
    let accepts: Vec<_> =
        headers.iter().filter(|(name, _)| name == "accept").map(|(_, value)| &**value).collect();
    assert_eq!(accepts, ["x/y"]);
}

#[test]
fn a_tracker_that_takes_nothing_does_not_judge() {
    let tracker = Tracker::builder("p", "d", "http://h").sink(&Sink::new()).build().unwrap();
    assert!(matches!(tracker.track_json("{"), Err(TrackError::Invalid(_))));
    tracker.disable();
    assert_eq!(tracker.track_json("{"), Ok(()));
    tracker.enable();
    tracker.close_blocking(PATIENCE).unwrap();
    assert_eq!(tracker.track_json("{"), Err(TrackError::Closed));
    assert_eq!(tracker.track(buy("")), Err(TrackError::Closed));
    let stats = tracker.stats();
    assert_eq!((stats.invalid, stats.ignored), (1, 3));
}
