//! The Manager that our client asks, and a Manager's answers.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use trackwire::inlong::Options;

use super::super::vector::ManagerRequest;
use super::node::Node;
use super::options::Settings;
use super::runtime::Runtime;
use super::{NO_ANSWER, PATIENCE, compare, options};
use crate::capture::{Answer, Capture};
use crate::json::Json;

/// How often a Manager may be asked in a case.
const TIMES: usize = 64;

/// A node list as a Manager writes it, as often as it is asked for.
pub(super) fn answers(port: u16) -> Vec<Answer> {
    let list = format!(
        r#"{{"success":true,"errMsg":null,"data":{{"clusterId":1,"reportSourceType":null,"isIntranet":null,"isSwitch":null,"load":20,"maxPacketLength":null,"nodeList":[{{"id":1,"ip":"127.0.0.1","port":{port},"protocolType":null,"nodeLoad":-1}}]}}}}"#
    );
    vec![Answer::Body(200, list); TIMES]
}

/// Each request of the vendor's client is made by ours, too.
pub(super) fn asked(expected: &[ManagerRequest], manager: &Capture, ip: Option<&str>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = manager.requests();
        let missing = expected.iter().find_map(|expected| {
            let same = asked.iter().map(|got| compare::manager(expected, got, ip));
            let first = same.clone().next().unwrap_or_else(|| Err("the Manager was not asked".to_owned()));
            if same.clone().any(|same| same.is_ok()) { None } else { first.err() }
        });
        let Some(missing) = missing else { return Ok(()) };
        if !manager.wait(asked.len() + 1, deadline.saturating_duration_since(Instant::now())) {
            return Err(missing);
        }
    }
}

/// A Manager's answer, and what each client asked.
pub(super) fn replay(
    status: u16,
    body: &str,
    requests: &[ManagerRequest],
    runtime: &mut Runtime,
) -> Result<(), String> {
    let node = Node::start()?;
    let (body, usable) = at(body, node.port());
    let usable = usable && status == 200;
    let manager = Capture::start(&vec![Answer::Body(status, body.clone()); TIMES])?;
    let expected = requests.first().ok_or("a Manager's case without a request")?;
    let (path, _) = expected.path.split_once('?').unwrap_or((&expected.path, ""));
    let (base, group) = path.rsplit_once('/').ok_or("a request without a path")?;
    let mut options = Options::new(format!("{}{base}", manager.url()));
    options.inlong_group_ids = vec![group.to_owned()];
    options.pack_timeout = options::PACK_TIMEOUT;
    let mut settings = Settings::new(options);
    settings.authorise(expected)?;
    let mut client = runtime.client(&settings)?;
    client.offer(group, "s1", "hello")?.map_err(|refused| refused.why)?;
    if !manager.wait(1, PATIENCE) {
        return Err("the Manager was not asked".to_owned());
    }
    let time = if usable { PATIENCE } else { NO_ANSWER };
    let report = client.flush(time)?;
    if (report.delivered, report.pending) != if usable { (1, 0) } else { (0, 1) } {
        return Err(format!("with a list that is {}usable: {report:?}", if usable { "" } else { "not " }));
    }
    // Only where there was no answer of the Manager itself it is asked again at once.
    let passing = status != 200 || body.is_empty();
    let times = if passing { 4 } else { 1 };
    if !manager.wait(times, PATIENCE) || !passing && manager.requests().len() != times {
        return Err(format!(
            "the Manager was to be asked {times} times, it was {}",
            manager.requests().len()
        ));
    }
    asked(requests, &manager, None)?;
    client.close(Duration::ZERO)
}

/// The answer with its nodes at this port of the loopback, and whether there is one to use.
fn at(body: &str, port: u16) -> (String, bool) {
    let Ok(mut answer) = Json::parse(body) else { return (body.to_owned(), false) };
    let success = answer.get("success") == Some(&Json::Bool(true));
    let Some(Json::Array(nodes)) = answer.member_mut("data").and_then(|data| data.member_mut("nodeList"))
    else {
        return (body.to_owned(), false);
    };
    let mut usable = false;
    for node in nodes {
        let other = node.text_of("protocolType").is_some_and(|name| !name.eq_ignore_ascii_case("tcp"));
        let is_address = node.text_of("ip").is_some_and(|ip| ip.parse::<Ipv4Addr>().is_ok());
        let number = |port: &Json| port.int().or_else(|| port.text()?.parse().ok());
        let named = node.get("port");
        let is_port = named.is_some_and(|port| port.text() == Some("PORT") || number(port) > Some(0));
        if is_address && is_port {
            // A port that was given as a text stays one.
            let port = match named.and_then(Json::text) {
                Some(text) if text != "PORT" => Json::String(port.to_string()),
                _ => Json::Number(port.to_string()),
            };
            for (key, value) in [("ip", Json::String("127.0.0.1".to_owned())), ("port", port)] {
                if let Some(member) = node.member_mut(key) {
                    *member = value;
                }
            }
        }
        usable |= is_address && is_port && !other;
    }
    (answer.to_string(), usable && success)
}
