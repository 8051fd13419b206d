//! `trackwire send growingio`, and what holds for every `send`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use trackwire::collector::{Collector, Handle, Options};

use crate::{balance, check, file, get, good, rejects, run, trackwire};

/// One of each kind, in the neutral form.
const KINDS: &str = r#"{"track":"add_to_cart","user":"u1","user_key":"email","anonymous":"a1","time":1710325284000,"attributes":{"price":9.5,"tags":["new","sale"]},"resource_item":{"id":"sku-1","key":"product"},"domain":"shop.example"}
{"user":"u1","attributes":{"cohort":"2024-01"}}

{"item":"sku-1","key":"product","attributes":{"title":"Kettle"}}
{"mapping":{"email":"a@b.example","phone":"5550100"}}
"#;

fn collector() -> Handle {
    Collector::spawn(Options::default()).unwrap()
}

/// `trackwire send growingio` to a collector.
fn send(url: &str) -> Command {
    let mut command = trackwire();
    command.args(["send", "growingio", "--product-id", "p", "--data-source-id", "d", "--server-host", url]);
    command
}

/// `count` track events, one a line.
fn events(count: usize) -> String {
    (0..count)
        .map(|n| format!("{{\"track\":\"view\",\"user\":\"u{n}\",\"attributes\":{{\"n\":{n}}}}}\n"))
        .collect()
}

#[test]
fn every_kind_arrives_and_the_balance_says_so() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", KINDS);
    let output = run(send(collector.url()).arg(&input), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    for row in ["lines                            4", "    delivered                    4", "events/s"] {
        assert!(text.contains(row), "{text}");
    }
    let records = get(collector.url(), "/trackwire/good")["records"].clone();
    let mut kinds: Vec<_> = records.as_array().unwrap().iter().map(|r| r["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["item", "mapping", "track", "user"]);
    let track = records.as_array().unwrap().iter().find(|record| record["kind"] == "track").unwrap();
    assert_eq!(track["name"], "add_to_cart");
    assert_eq!(track["time"], 1_710_325_284_000_u64);
    assert_eq!(track["raw"]["domain"], "shop.example");
}

#[test]
fn every_format_and_strategy_delivers() {
    let dir = TempDir::new().unwrap();
    let input = file(&dir, "events.ndjson", KINDS);
    for format in ["json", "snappy", "snappy-crypt", "protobuf", "protobuf-snappy-crypt", "simple"] {
        let collector = collector();
        balance(send(collector.url()).args(["--format", format]).arg(&input), 0);
        assert_eq!(good(collector.url()), 4, "{format}");
    }
    for consumer in ["default", "buffered", "async", "debug"] {
        let collector = collector();
        balance(send(collector.url()).args(["--consumer", consumer]).arg(&input), 0);
        assert_eq!(good(collector.url()), 4, "{consumer}");
    }
}

#[test]
fn options_and_environment_reach_the_requests() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", "{\"track\":\"x\",\"attributes\":{\"own\":1}}\n");
    let balance = balance(
        trackwire()
            .env("TRACKWIRE_GROWINGIO_PRODUCT_ID", "shop")
            .env("TRACKWIRE_GROWINGIO_DATA_SOURCE_ID", "ds")
            .env("TRACKWIRE_GROWINGIO_SERVER_HOST", collector.url())
            .args(["send", "growingio", "--no-validate", "--header", "X-Team: shop", "--platform", "import"])
            .args(["--sdk-version", "7", "--attribute", "source=file", "--attribute", "own=2"])
            .arg(&input),
        0,
    );
    assert_eq!(balance["requests"], 1);
    let record = &get(collector.url(), "/trackwire/good")["records"][0];
    assert_eq!(record["attributes"], json!({"own": 1, "source": "file"}));
    assert_eq!((&record["raw"]["platform"], &record["raw"]["sdkVersion"]), (&json!("import"), &json!("7")));
    assert_eq!(
        (&record["raw"]["projectKey"], &record["raw"]["dataSourceId"]),
        (&json!("shop"), &json!("ds"))
    );
    assert!(record["request"]["headers"].to_string().to_lowercase().contains("x-team"), "{record}");
}

#[test]
fn bad_lines_are_kept_with_number_and_reason_and_stop_nothing() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let mut text = b"\xef\xbb\xbf{\"track\":\"a\",\"user\":\"u\"}\r\n  \n{\"track\":7}\nnot json\n".to_vec();
    text.extend_from_slice(b"{\"track\":\"\xff\"}\n{\"track\":\"nobody\"}\n");
    text.extend_from_slice(b"{\"track\":\"a\",\"user\":\"u\",\"nonsense\":1}\n{\"x\":\"");
    text.resize(text.len() + (5 << 20), b'y');
    text.extend_from_slice(b"\"}\n{\"track\":\"last\",\"user\":\"u\"}");
    let (input, kept) = (file(&dir, "events.ndjson", text), dir.path().join("rejects.ndjson"));
    let balance = balance(send(collector.url()).arg(&input).arg("--rejects").arg(&kept), 1);
    assert_eq!((&balance["lines"], &balance["rejected_lines"]), (&json!(8), &json!(6)));
    assert_eq!((&balance["delivered"], &balance["interrupted"]), (&json!(2), &json!(false)));
    assert_eq!(good(collector.url()), 2);
    let rejects = rejects(&kept);
    let lines: Vec<_> = rejects.iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
    assert_eq!((&rejects[0]["field"], &rejects[0]["code"]), (&json!("track"), &json!("wrong_type")));
    assert_eq!(rejects[1]["text"], "not json");
    assert_eq!(rejects[2]["reason"], "the line is not UTF-8");
    assert_eq!(rejects[4]["field"], "nonsense");
    assert_eq!(rejects[5]["reason"], "the line is longer than 4 MiB");
    assert!(rejects[5]["text"].as_str().unwrap().len() <= 1024);

    let output = run(send(collector.url()).arg(&input), 1);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("line 4: `json` cannot be read"), "without --rejects they are shown: {shown}");
}

#[test]
fn gzip_and_standard_input() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(events(3_000).as_bytes()).unwrap();
    let zipped = encoder.finish().unwrap();
    let input = file(&dir, "events.gz", &zipped);
    let balance = balance(send(collector.url()).arg(&input), 0);
    assert_eq!((&balance["delivered"], &balance["requests"]), (&json!(3_000), &json!(6)));

    let mut child = send(collector.url())
        .args(["--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&zipped).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(good(collector.url()), 6_000);

    let cut = file(&dir, "cut.gz", &zipped[..zipped.len() / 2]);
    let balance = self::balance(send(collector.url()).arg(&cut), 1);
    assert_eq!(balance["interrupted"], true);
    assert_eq!(
        balance["delivered"],
        balance["lines"].as_u64().unwrap() - balance["rejected_lines"].as_u64().unwrap()
    );
}

#[test]
fn unusable_arguments_end_with_2_and_send_nothing() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(1));
    let missing = dir.path().join("missing");
    let none: [&str; 0] = [];
    for (host, path, more) in [
        (collector.url(), &missing, &none[..]),
        (collector.url(), &dir.path().to_owned(), &none),
        (collector.url(), &input, &["--format", "xml"]),
        (collector.url(), &input, &["--rate", "0/s"]),
        (collector.url(), &input, &["--timeout", "soon"]),
        (collector.url(), &input, &["--max-size", "0"]),
        (collector.url(), &input, &["--header", "no colon"]),
        (collector.url(), &input, &["--header", "bad name: x"]),
        (collector.url(), &input, &["--proxy", "::"]),
        (collector.url(), &input, &["--rejects", "/no/such/directory/file"]),
        (collector.url(), &input, &["--rejects", input.to_str().unwrap()]),
        ("collector.example", &input, &none),
        ("http://", &input, &none),
    ] {
        let output = run(send(host).arg(path).args(more), 2);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{more:?}");
    }
    let output = run(trackwire().args(["send", "growingio"]).arg(&input), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--product-id"));
    run(trackwire().args(["collect", "--listen", "nowhere"]), 2);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    run(trackwire().arg("collect").arg("--listen").arg(taken.local_addr().unwrap().to_string()), 2);
    assert_eq!(fs::read_to_string(&input).unwrap(), events(1), "the input is not overwritten");
    assert_eq!(good(collector.url()), 0);
}

#[cfg(unix)]
#[test]
fn the_rejects_never_overwrite_the_input_by_whatever_name() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(1));
    let (hard, soft) = (dir.path().join("hard"), dir.path().join("soft"));
    fs::hard_link(&input, &hard).unwrap();
    std::os::unix::fs::symlink(&input, &soft).unwrap();
    for rejects in [&input, &hard, &soft] {
        for path in [&*input, Path::new("-")] {
            let mut command = send(collector.url());
            command.arg(path).arg("--rejects").arg(rejects).stdin(fs::File::open(&input).unwrap());
            let output = run(&mut command, 2);
            assert!(String::from_utf8_lossy(&output.stderr).contains("--rejects names the input"));
        }
    }
    assert_eq!(fs::read_to_string(&input).unwrap(), events(1));
}

#[test]
fn faults_delay_and_lose_nothing() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let plan = r#"{"faults":[{"status":503,"count":3},{"status":429,"retry_after":0,"count":1},{"drop":"before","count":1}]}"#;
    collector.faults().replace(plan).unwrap();
    let input = file(&dir, "events.ndjson", events(5_000));
    let options = ["--format", "snappy", "--retry-backoff-factor", "0.01"];
    let balance = balance(send(collector.url()).args(options).arg(&input), 0);
    assert_eq!(balance["delivered"], 5_000);
    assert!(balance["retries"].as_u64().unwrap() >= 5, "{balance}");
    assert_eq!(good(collector.url()), 5_000, "a cut before the request was read makes no duplicate");
}

#[test]
fn what_the_server_refuses_is_kept_by_line() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    collector.faults().replace(r#"{"faults":[{"status":400,"count":1}]}"#).unwrap();
    let (input, kept) = (file(&dir, "events.ndjson", events(6)), dir.path().join("rejects.ndjson"));
    let options = ["--max-size", "3", "--max-in-flight", "1"];
    let balance = balance(send(collector.url()).args(options).arg(&input).arg("--rejects").arg(&kept), 1);
    assert_eq!((&balance["rejected"], &balance["delivered"]), (&json!(3), &json!(3)));
    let rejects = rejects(&kept);
    let ends: Vec<_> =
        rejects.iter().map(|reject| (reject["line"].as_u64(), reject["fate"].as_str())).collect();
    assert_eq!(ends, [1, 2, 3].map(|line| (Some(line), Some("server"))));
}

#[test]
fn what_cannot_be_delivered_in_time_is_dropped_and_kept_by_line() {
    let dir = TempDir::new().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (input, kept) = (file(&dir, "events.ndjson", events(3)), dir.path().join("rejects.ndjson"));
    let mut command = send(&format!("http://{nobody}"));
    let balance = balance(command.args(["--timeout", "300ms"]).arg(&input).arg("--rejects").arg(&kept), 1);
    assert_eq!((&balance["dropped"], &balance["rejected_lines"]), (&json!(3), &json!(0)));
    let fates: Vec<_> = rejects(&kept).iter().map(|reject| reject["fate"].clone()).collect();
    assert_eq!(fates, ["dropped", "dropped", "dropped"]);
}

#[test]
fn the_timeout_counts_from_the_last_progress() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    collector.faults().replace(r#"{"faults":[{"delay_ms":400}]}"#).unwrap();
    let input = file(&dir, "events.ndjson", events(6));
    let options = ["--max-size", "1", "--max-in-flight", "1", "--timeout", "1200ms"];
    let balance = balance(send(collector.url()).args(options).arg(&input), 0);
    assert_eq!(balance["delivered"], 6);
    assert!(balance["seconds"].as_f64().unwrap() >= 2.4, "longer than the timeout: {balance}");
}

#[test]
fn readers_that_are_gone_change_nothing() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let good = file(&dir, "good.ndjson", events(3));
    let bad = file(&dir, "bad.ndjson", "nonsense\n".repeat(20) + &events(3));
    for (input, options, status) in [
        (&good, &[][..], 0),
        (&good, &["--consumer", "debug", "--json"], 0),
        (&bad, &["--verbose"], 1),
        (&bad, &["--consumer", "debug"], 1),
    ] {
        let mut command = send(collector.url());
        let mut child =
            command.args(options).arg(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(status), "{options:?}");
    }
    assert_eq!(self::good(collector.url()), 12);
    let mut child =
        trackwire().args(["collect", "--listen", "nowhere:1"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn a_full_queue_is_waited_for() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    collector.faults().replace(r#"{"faults":[{"delay_ms":20,"count":10}]}"#).unwrap();
    let input = file(&dir, "events.ndjson", events(20_000));
    let options = ["--max-queue-events", "1000", "--max-size", "100"];
    let balance = balance(send(collector.url()).args(options).arg(&input), 0);
    assert_eq!(balance["delivered"], 20_000);
    assert_eq!(good(collector.url()), 20_000);
}

#[test]
fn a_queue_smaller_than_a_request_does_not_wait_for_company() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(30));
    // Each stall would take the ten seconds of --flush-after, and more than one would end with the timeout.
    for option in [["--max-queue-events", "1"], ["--max-queue-bytes", "4KiB"]] {
        let balance = balance(send(collector.url()).args(option).arg(&input), 0);
        assert_eq!(balance["delivered"], 30);
        assert!(balance["seconds"].as_f64().unwrap() < 9.0, "{option:?}: {balance}");
    }
}

#[test]
fn the_rate_is_kept() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(101));
    let balance = balance(send(collector.url()).args(["--rate", "200/s"]).arg(&input), 0);
    // 100 gaps of 5 ms.
    assert!(balance["seconds"].as_f64().unwrap() >= 0.48, "{balance}");
}

/// Interrupts a child as Ctrl-C does.
#[cfg(unix)]
fn interrupt(child: &Child) {
    signal(child, "-INT");
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(name).arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_delivers_what_was_read() {
    let collector = collector();
    let mut arrivals = TcpStream::connect(collector.url().strip_prefix("http://").unwrap()).unwrap();
    write!(arrivals, "GET /trackwire/stream HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut command = send(collector.url());
    command.args(["--json", "--flush-after", "1ms", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(events(10).as_bytes()).unwrap();
    // The input stays open: only the interrupt can end this.
    let arrived =
        BufReader::new(arrivals).lines().find(|line| line.as_ref().is_ok_and(|line| line.contains("u9")));
    assert!(arrived.is_some());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let balance: Value = serde_json::from_slice(&output.stdout).unwrap();
    check(&balance);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&balance["interrupted"], &balance["delivered"]), (&json!(true), &json!(10)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopping: "));
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_gives_up() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = send(&format!("http://{}", silent.local_addr().unwrap()));
    command.args(["--json", "--flush-after", "1ms", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(events(10).as_bytes()).unwrap();
    let (mut request, _) = silent.accept().unwrap();
    request.read_exact(&mut [0; 4]).unwrap();
    interrupt(&child);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(messages.any(|line| line.unwrap().starts_with("stopping: 10 events pending")));
    interrupt(&child);
    let mut balance = String::new();
    child.stdout.take().unwrap().read_to_string(&mut balance).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let balance: Value = serde_json::from_str(&balance).unwrap();
    check(&balance);
    assert_eq!(balance["dropped"], 10);
    drop((stdin, request));
}

/// A child that has read its whole input, sends one event a request and gets no answer for `delay_ms`.
#[cfg(unix)]
fn delivering(collector: &Handle, input: &Path, delay_ms: u64, options: &[&str]) -> Child {
    collector.faults().replace(&format!("{{\"faults\":[{{\"delay_ms\":{delay_ms}}}]}}")).unwrap();
    let mut command = send(collector.url());
    command.args(["--json", "--max-size", "1", "--max-in-flight", "1", "--request-timeout", "60s"]);
    command.args(options).arg(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let mut arrivals = TcpStream::connect(collector.url().strip_prefix("http://").unwrap()).unwrap();
    write!(arrivals, "GET /trackwire/stream?after=0 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut lines = BufReader::new(arrivals).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"u0\"")));
    child
}

#[cfg(unix)]
fn ended(child: Child) -> (Option<i32>, Value) {
    let output = child.wait_with_output().unwrap();
    let balance: Value = serde_json::from_slice(&output.stdout).unwrap();
    check(&balance);
    (output.status.code(), balance)
}

#[cfg(unix)]
#[test]
fn after_ctrl_c_the_timeout_is_absolute() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(1_000));
    let child = delivering(&collector, &input, 100, &["--timeout", "1s"]);
    interrupt(&child);
    let (status, balance) = ended(child);
    assert_eq!(status, Some(1));
    let delivered = balance["delivered"].as_u64().unwrap();
    assert!((1..=15).contains(&delivered), "for about a second: {balance}");
}

#[cfg(unix)]
#[test]
fn the_first_ctrl_c_gives_nothing_up_even_after_the_end_of_the_input() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let input = file(&dir, "events.ndjson", events(3));
    let mut child = delivering(&collector, &input, 300, &[]);
    interrupt(&child);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(messages.any(|line| line.unwrap().starts_with("stopping: ")));
    let (status, balance) = ended(child);
    assert_eq!((status, &balance["delivered"]), (Some(0), &json!(3)));

    let collector = self::collector();
    let mut child = delivering(&collector, &input, 60_000, &[]);
    interrupt(&child);
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(messages.any(|line| line.unwrap().starts_with("stopping: 3 events pending")));
    interrupt(&child);
    let (status, balance) = ended(child);
    assert_eq!((status, &balance["dropped"]), (Some(1), &json!(3)));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_waiting_for_a_pipe_that_nobody_writes_to() {
    let (dir, collector) = (TempDir::new().unwrap(), collector());
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = send(collector.url()).arg(&pipe).stderr(Stdio::piped()).spawn().unwrap();
    // It writes nothing before it opens its input, so there is no event to wait for; were the interrupt caught,
    // it would end nothing however often it comes.
    // (SIGTERM, which it treats alike: SIGINT is ignored from birth where the tests run in a shell's background.)
    while child.try_wait().unwrap().is_none() {
        signal(&child, "-TERM");
    }
}

#[cfg(unix)]
#[test]
fn collect_says_where_it_listens_and_ends_cleanly() {
    let dir = TempDir::new().unwrap();
    let store = dir.path().join("events.sqlite");
    let mut command = trackwire();
    command.args(["collect", "--listen", "127.0.0.1:0", "--store"]).arg(&store).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap();
    let input = file(&dir, "events.ndjson", events(100));
    balance(send(url).arg(&input), 0);
    assert_eq!(good(url), 100);
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    assert!(fs::metadata(&store).unwrap().len() > 0);
}

#[cfg(unix)]
#[test]
fn collect_names_its_inlong_nodes_before_it_is_ready() {
    let mut command = trackwire();
    command.args([
        "collect",
        "--listen",
        "127.0.0.1:0",
        "--inlong-listen",
        "127.0.0.1:0",
        "--inlong-nodes",
        "3",
    ]);
    command.args(["--inlong-auth", "id:key", "--inlong-max-packet", "65536"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for number in 1..=3 {
        let line = lines.next().unwrap();
        let address = line.strip_prefix(&format!("InLong node {number} on ")).unwrap();
        std::net::TcpStream::connect(address).unwrap();
    }
    assert!(lines.next().unwrap().starts_with("listening on http://"));
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    for wrong in [
        &["--inlong-nodes", "2"][..],
        &["--inlong-listen", "127.0.0.1:0", "--inlong-nodes", "0"],
        &["--inlong-auth", "id"],
        &["--inlong-auth", "id:key:more"],
    ] {
        assert_eq!(
            trackwire().arg("collect").args(wrong).output().unwrap().status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
}
