//! `trackwire send inlong`.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tempfile::TempDir;
use trackwire::collector::{BasicAuth, Collector, Handle, Options};

use crate::{balance, check, file, get, rejects, run, trackwire};

fn collector(nodes: usize) -> Handle {
    let inlong_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    Collector::spawn(Options { inlong_listen, inlong_nodes: nodes, ..Options::default() }).unwrap()
}

fn manager(collector: &Handle) -> String {
    format!("{}/inlong/manager/openapi/dataproxy/getIpList", collector.url())
}

/// The vendor's file, for a collector.
fn config(dir: &TempDir, collector: &Handle, more: &str) -> std::path::PathBuf {
    let url = manager(collector);
    file(dir, "config.json", format!(r#"{{"init-param":{{"manager_url":"{url}","pack_timeout":20{more}}}}}"#))
}

/// `trackwire send inlong` to a stream.
fn send() -> Command {
    let mut command = trackwire();
    command.args(["send", "inlong", "--group", "test_group", "--stream", "s1"]);
    command
}

fn with_config(path: &Path) -> Command {
    let mut command = send();
    command.arg("--config").arg(path);
    command
}

/// The messages that arrived, as text, in order of the text.
fn texts(collector: &Handle) -> Vec<String> {
    let records = get(collector.url(), "/trackwire/good?limit=10000")["records"].clone();
    let text = |record: &serde_json::Value| record["raw"]["text"].as_str().unwrap_or("not a text").to_owned();
    let mut texts: Vec<_> = records.as_array().unwrap().iter().map(text).collect();
    texts.sort();
    texts
}

#[test]
fn each_line_is_a_message() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    let config = config(&dir, &collector, "");
    let lines = "one\n\n  two \r\n{\"three\":3}\n二\n   \nlast";
    let expected = ["   ", "  two ", "last", "one", "{\"three\":3}", "二"];
    let plain = file(&dir, "messages.txt", lines);
    assert_eq!(balance(with_config(&config).arg(&plain), 0)["delivered"], 6);
    assert_eq!(texts(&collector), expected);

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    let packed = file(&dir, "messages.gz", packed.finish().unwrap());
    for node in [&["--protocol", "tcp"][..], &["--msg-type", "5"]] {
        let collector = self::collector(1);
        let addresses = [collector.inlong_addrs()[0].to_string()];
        let mut command = send();
        command
            .args(node)
            .arg("--node")
            .args(&addresses)
            .arg("-")
            .stdin(std::fs::File::open(&packed).unwrap());
        let balance = balance(&mut command, 0);
        assert_eq!((&balance["lines"], &balance["delivered"]), (&json!(6), &json!(6)), "{node:?}");
        assert_eq!(texts(&collector), expected, "{node:?}");
    }
}

#[test]
fn messages_go_over_http_too() {
    let dir = TempDir::new().unwrap();
    let input = file(&dir, "messages.txt", "one\ntwo & three\n二\n");
    let collector = collector(1);
    balance(send().arg("--manager").arg(manager(&collector)).args(["--protocol", "http"]).arg(&input), 0);
    let url = format!("{}/dataproxy/message", collector.url());
    balance(send().args(["--http-url", &url]).arg(&input), 0);
    assert_eq!(texts(&collector), ["one", "one", "two & three", "two & three", "二", "二"]);

    let kept = dir.path().join("rejects.ndjson");
    let binary = file(&dir, "binary", b"text\n\xff\xfe\n");
    let balance = balance(send().args(["--http-url", &url]).arg(&binary).arg("--rejects").arg(&kept), 1);
    assert_eq!((&balance["delivered"], &balance["rejected_lines"]), (&json!(1), &json!(1)));
    let kept = &rejects(&kept)[0];
    assert_eq!(
        (&kept["line"], &kept["field"], &kept["code"]),
        (&json!(2), &json!("message"), &json!("bad_character"))
    );
}

#[test]
fn events_in_the_neutral_form_are_messages_too() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    let buy = r#"{"track":"buy","user":"u|1","time":5,"attributes":{"price":9.5}}"#;
    let item = r#"{"item":"sku-1","key":"product","attributes":{"title":"Kettle"}}"#;
    let lines = format!("{buy}\n{item}\nnonsense\n{{\"mapping\":{{\"email\":\"a@b.example\"}}}}\n");
    let (input, kept) = (file(&dir, "events.ndjson", lines), dir.path().join("rejects.ndjson"));
    let ndjson = || {
        let mut command = with_config(&config(&dir, &collector, ""));
        command.args(["--format", "ndjson", "--rejects"]).arg(&kept).arg(&input);
        command
    };
    let json = balance(&mut ndjson(), 1);
    assert_eq!(
        (&json["lines"], &json["rejected_lines"], &json["delivered"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(texts(&collector), [item, buy]);
    let reasons: Vec<_> = rejects(&kept).iter().map(|reject| reject["field"].clone()).collect();
    assert_eq!(reasons, ["json", "mapping"]);
    let reason = |at: usize| rejects(&kept)[at]["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason(1), "InLong takes no line with `mapping`: leave it out");

    let escaped = ["--fields", "time,event,user,anonymous,attributes.price", "--escape", "\\"];
    let rows = balance(ndjson().args(escaped), 1);
    assert_eq!((&rows["rejected_lines"], &rows["delivered"]), (&json!(3), &json!(1)));
    assert_eq!(texts(&collector), ["5|buy|u\\|1||9.5", item, buy]);
    let lacks = "an item line has no `time`, `event`, `user`, `anonymous`, which --fields names: ";
    assert!(reason(0).starts_with(lacks), "{}", reason(0));
    let items = balance(ndjson().args(["--fields", "item,attributes.title", "--delimiter", ","]), 1);
    assert_eq!((&items["rejected_lines"], &items["delivered"]), (&json!(3), &json!(1)));
    assert_eq!(texts(&collector), ["5|buy|u\\|1||9.5", "sku-1,Kettle", item, buy]);
    let bare = balance(ndjson().args(["--fields", "user"]), 1);
    assert_eq!(bare["delivered"], 0);
    assert_eq!(rejects(&kept)[0]["code"], "bad_character");
    assert_eq!(reason(0), "the value of `user` holds the delimiter or LF: give --escape");
}

#[test]
fn a_refusal_is_kept_with_its_line_and_code() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    collector.faults().replace(r#"{"faults":[{"system":"inlong","code":115,"count":1}]}"#).unwrap();
    let input = file(&dir, "messages.txt", "one\ntwo\n".to_owned() + &"x".repeat(500_000) + "\n");
    let kept = dir.path().join("rejects.ndjson");
    let mut command = with_config(&config(&dir, &collector, r#","enable_pack":false"#));
    let balance = balance(command.arg(&input).arg("--rejects").arg(&kept), 1);
    let ends =
        ["lines", "rejected_lines", "rejected", "delivered"].map(|name| balance[name].as_u64().unwrap());
    assert_eq!(ends, [3, 1, 1, 1], "{balance}");
    let mut rejects = rejects(&kept);
    rejects.sort_by_key(|reject| reject["line"].as_u64());
    let [refused, long] = &rejects[..] else { panic!("{rejects:?}") };
    assert_eq!((&refused["fate"], &refused["code"]), (&json!("server"), &json!("115")));
    assert!(refused["reason"].as_str().unwrap().starts_with("the server refused it: "), "{refused}");
    assert_eq!(
        (&long["line"], &long["fate"], &long["code"]),
        (&json!(3), &json!("line"), &json!("kMsgTooLong"))
    );

    // Without a file the first are shown.
    collector.faults().replace(r#"{"faults":[{"system":"inlong","code":113,"count":1}]}"#).unwrap();
    let output = run(with_config(&config(&dir, &collector, "")).arg(file(&dir, "two.txt", "1\n2\n")), 1);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("2 events: the server refused it: ") && shown.contains("(code 113)"), "{shown}");
}

#[test]
fn the_first_line_may_be_as_long_as_the_manager_says() {
    let dir = TempDir::new().unwrap();
    let inlong_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let options = Options { inlong_listen, inlong_max_packet: Some(400_000), ..Options::default() };
    let collector = Collector::spawn(options).unwrap();
    let input = file(&dir, "messages.txt", format!("{}\n", "x".repeat(100_000)).repeat(3));
    assert_eq!(balance(with_config(&config(&dir, &collector, "")).arg(&input), 0)["delivered"], 3);
}

#[test]
fn what_is_larger_than_the_queue_is_a_reject() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    let large = "x".repeat(5_000);
    let input = file(&dir, "messages.txt", format!("{large}\none\n{large}\n"));
    let kept = dir.path().join("rejects.ndjson");
    let mut command = with_config(&config(&dir, &collector, ""));
    command.args(["--max-queue-bytes", "1000"]).arg(&input).arg("--rejects").arg(&kept);
    let balance = balance(&mut command, 1);
    assert_eq!((&balance["rejected_lines"], &balance["delivered"]), (&json!(2), &json!(1)));
    let told: Vec<_> =
        rejects(&kept).iter().map(|reject| (reject["line"].clone(), reject["code"].clone())).collect();
    assert_eq!(told, [(json!(1), json!("kRecvBufferFull")), (json!(3), json!("kRecvBufferFull"))]);
    assert!(rejects(&kept)[0]["reason"].as_str().unwrap().ends_with("give a larger --max-queue-bytes"));
}

#[test]
fn the_manager_is_asked_with_what_the_environment_holds_and_packs_have_attributes() {
    let dir = TempDir::new().unwrap();
    let inlong_auth = Some(BasicAuth { id: "i".into(), key: "k".into() });
    let inlong_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let collector = Collector::spawn(Options { inlong_listen, inlong_auth, ..Options::default() }).unwrap();
    let input = file(&dir, "messages.txt", "one\n");
    let mut command = send();
    command.arg("--manager").arg(manager(&collector)).args(["--attribute", "source=file"]);
    command.env("TRACKWIRE_INLONG_AUTH_ID", "i").env("TRACKWIRE_INLONG_AUTH_KEY", "k");
    balance(command.arg(&input), 0);
    let record = get(collector.url(), "/trackwire/good")["records"][0].clone();
    assert_eq!(record["attributes"]["source"], "file", "{record}");
    let output =
        run(send().arg("--manager").arg(manager(&collector)).args(["--auth-id", "i"]).arg(&input), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--auth-key: "), "{output:?}");
}

#[test]
fn a_node_that_is_down_costs_nothing_and_no_node_at_all_the_time_it_was_given() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(3));
    collector.faults().replace(r#"{"faults":[{"system":"inlong","node":2,"down":true}]}"#).unwrap();
    let input = file(&dir, "messages.txt", (0..5_000).map(|n| format!("message {n}\n")).collect::<String>());
    let options = ["--pack-size", "1KiB"];
    let balance = balance(with_config(&config(&dir, &collector, "")).args(options).arg(&input), 0);
    assert_eq!(balance["delivered"], 5_000);
    assert_eq!(texts(&collector).len(), 5_000, "nothing was sent twice");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (three, kept) = (file(&dir, "three.txt", "1\n2\n3\n"), dir.path().join("rejects.ndjson"));
    for option in [["--node", &nobody], ["--manager", &format!("http://{nobody}")]] {
        let mut command = send();
        command.args(option).args(["--timeout", "300ms"]).arg(&three).arg("--rejects").arg(&kept);
        let balance = crate::balance(&mut command, 1);
        assert_eq!((&balance["dropped"], &balance["rejected_lines"]), (&json!(3), &json!(0)), "{option:?}");
        assert_eq!(rejects(&kept).iter().filter(|reject| reject["fate"] == "dropped").count(), 3);
    }
}

#[test]
fn the_command_line_holds_over_the_configuration() {
    let dir = TempDir::new().unwrap();
    let inlong_auth = Some(BasicAuth { id: "i".into(), key: "k".into() });
    let inlong_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let collector = Collector::spawn(Options { inlong_listen, inlong_auth, ..Options::default() }).unwrap();
    let input = file(&dir, "messages.txt", "one\n");
    let more = r#","need_auth":true,"auth_id":"i","auth_key":"k","msg_type":3,"thread_num":4"#;
    let config = config(&dir, &collector, more);
    let output = run(with_config(&config).args(["--msg-type", "7"]).arg(&input), 0);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`thread_num` is no longer known"), "{told}");
    let record = get(collector.url(), "/trackwire/good")["records"][0].clone();
    assert_eq!(record["request"]["headers"]["type"], "0x07", "{record}");
}

/// Type 6 says when each message was sent, in local time.
#[test]
fn local_time_is_that_of_the_zone_the_process_runs_in() {
    const DAY: u64 = 86_400;
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    let input = file(&dir, "messages.txt", "one\n");
    // By name where the machine knows zones by name.
    let by_name = Path::new("/usr/share/zoneinfo/Asia/Shanghai").exists().then_some(("Asia/Shanghai", 8));
    let zones: Vec<_> = [("UTC", 0), ("CST-8", 8)].into_iter().chain(by_name).collect();
    for (zone, _) in &zones {
        let mut command = send();
        command.args(["--msg-type", "6", "--node", &collector.inlong_addrs()[0].to_string()]);
        balance(command.env("TZ", zone).arg(&input), 0);
    }
    let records = get(collector.url(), "/trackwire/good")["records"].clone();
    for ((zone, hours), record) in zones.iter().zip(records.as_array().unwrap()) {
        let told = record["attributes"]["__addcol1__reptime"].as_str().unwrap();
        let two = |at: usize| told[at..at + 2].parse::<u64>().unwrap();
        let told = two(8) * 3_600 + two(10) * 60 + two(12);
        let received = record["received_at"].as_u64().unwrap() / 1_000 % DAY;
        let taken = (received + hours * 3_600 + DAY - told) % DAY;
        assert!(taken < 60, "{zone}: {record}");
    }
}

#[test]
fn unusable_arguments_end_with_2_and_send_nothing() {
    let (dir, collector) = (TempDir::new().unwrap(), collector(1));
    let input = file(&dir, "messages.txt", "one\n");
    let config = config(&dir, &collector, "");
    let (bad, wrong) =
        (file(&dir, "bad.json", "{}"), file(&dir, "wrong.json", r#"{"init-param":{"msg_type":"7"}}"#));
    let missing = dir.path().join("missing.json");
    for (config, named) in [(&bad, "init-param"), (&wrong, "msg_type"), (&missing, "missing.json")] {
        let output = run(with_config(config).arg(&input), 2);
        assert!(String::from_utf8_lossy(&output.stderr).contains(named), "{output:?}");
    }
    let node = collector.inlong_addrs()[0].to_string();
    for more in [
        &["--group", "a&b"][..],
        &["--stream", ""],
        &["--node", "nowhere"],
        &["--node", &node, "--http-url", "http://127.0.0.1:1/"],
        &["--manager", "manager"],
        &["--msg-type", "4"],
        &["--protocol", "udp"],
        &["--http-url", "http://127.0.0.1:1/", "--protocol", "tcp"],
        &["--request-timeout", "0s"],
        &["--format", "xml"],
        &["--fields", "event"],
        &["--format", "ndjson", "--fields", "event,no"],
        &["--format", "ndjson", "--delimiter", "||", "--fields", "event"],
        &["--pack-size", "1GiB"],
    ] {
        let mut command = trackwire();
        command.args(["send", "inlong", "--config"]).arg(&config);
        if !more.contains(&"--group") {
            command.args(["--group", "g"]);
        }
        if !more.contains(&"--stream") {
            command.args(["--stream", "s"]);
        }
        let output = run(command.args(more).arg(&input), 2);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{more:?}");
    }
    for (arguments, said) in [
        (&["--http-url", "/x"][..], "e.g. http://10.0.0.1:46802/dataproxy/message"),
        (
            &["--config", "no.json", "--format", "ndjson", "--fields", "event,no"],
            "an item line no `event`, `no`",
        ),
        (&["--node", &node, "--msg-type", "4"], "--msg-type: `msg_type` "),
        (
            &["--node", &node, "--format", "ndjson", "--fields", "user", "--escape", "|"],
            "--escape is the same",
        ),
        (&[], "--config <FILE>|--manager <URL>|--node <HOST:PORT>|--http-url <URL>"),
    ] {
        let output = run(send().args(arguments).arg(&input), 2);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(said), "{said}: {told}");
    }
    let output = run(trackwire().args(["send", "inlong", "--help"]), 0);
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(help.matches("[default: the file's, or ").count(), 9, "{help}");
    assert!(texts(&collector).is_empty());
}

#[cfg(unix)]
#[test]
fn ctrl_c_delivers_what_was_read() {
    let collector = collector(1);
    let mut command = send();
    command.args(["--json", "--flush-after", "1ms", "--node", &collector.inlong_addrs()[0].to_string(), "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\n").unwrap();
    while texts(&collector).len() < 2 {
        std::thread::yield_now();
    }
    // The input stays open: only the interrupt can end this.
    let status = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let balance: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    check(&balance);
    assert_eq!((output.status.code(), &balance["delivered"]), (Some(1), &json!(2)));
    assert_eq!(balance["interrupted"], true);
}
