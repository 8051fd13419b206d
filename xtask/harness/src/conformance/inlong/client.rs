//! The client's side: our client sends what the vendor's client sent, to a Manager and a node of this program's own that
//! answer as the vendor's server did. What arrives must mean the same, and what is told of it must be what the answers say.

mod compare;
mod http;
mod node;
mod options;

use std::sync::mpsc;
use std::time::Duration;

use trackwire::engine::Fate;
use trackwire::inlong::{Client, Delivery, Message, Options};

use super::super::Verdict;
use super::vector::{Exchange, Kind, ManagerRequest, Vector};
use crate::capture::{Answer as HttpAnswer, Capture};
use crate::inlong::answer::Answer;
use crate::inlong::attributes;
use crate::inlong::frame::Frame;
use node::{Node, Reply};

/// How long what is due may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may take where none comes.
const NO_ANSWER: Duration = Duration::from_millis(400);

/// What an answer must come to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Delivered,
    Unconfirmed,
    Rejected(u32),
    /// Sent again, the same bytes, and then delivered.
    Retried,
    /// Sent again once, then rejected.
    RetriedOnce(u32),
}

/// Replays a case; `None` where it says nothing of a client.
pub(super) fn replay(vector: &Vector) -> Option<Verdict> {
    let played = match &vector.kind {
        Kind::Frames(exchanges) => match quirk(exchanges) {
            Some(why) => return Some(Verdict::Skipped(why)),
            None => frames(vector, exchanges),
        },
        Kind::Forms(exchanges) => http::replay(vector, exchanges),
        Kind::Manager { status, body, requests } => manager(*status, body, requests),
        Kind::RawFrames { .. } | Kind::RawHttp { .. } => return None,
    };
    Some(played.into())
}

/// What our client does not do, on purpose.
fn quirk(exchanges: &[Exchange]) -> Option<&'static str> {
    let frames: Vec<Frame> =
        exchanges.iter().filter_map(|exchange| Frame::decode(&exchange.request).ok()).collect();
    let with = |key: &str| frames.iter().any(|frame| frame.attribute(key) == Some("true"));
    if with("proxySend") || with("syncSend") {
        return Some("answers that wait for the queue are not asked for: servers leave them out");
    }
    if frames.iter().any(|frame| frame.flags & 0xc0 != 0) {
        return Some("encrypted and authorised frames are the Java client's own, servers check neither");
    }
    None
}

/// Every frame with messages, one after the other, then heartbeats.
fn frames(vector: &Vector, exchanges: &[Exchange]) -> Result<(), String> {
    let decode = |exchange: &Exchange| Frame::decode(&exchange.request);
    let theirs: Vec<Frame> = exchanges.iter().map(decode).collect::<Result<_, _>>()?;
    let (node, manager) = (Node::start()?, Capture::start(&[])?);
    manager.script(vec![HttpAnswer::Body(200, node_list(node.port()))]);
    let options = options::of(vector, exchanges, &theirs, &manager.url())?;
    let client = Client::builder(options.clone()).build().map_err(|error| error.to_string())?;
    let mut seen = 0;
    for (at, (exchange, theirs)) in exchanges.iter().zip(&theirs).enumerate() {
        let repeated = at > 0 && exchanges[at - 1].request == exchange.request;
        if theirs.is_heartbeat() || repeated {
            continue;
        }
        let end = end(exchange, theirs)?;
        let refused = Reply::As(exchange.clone());
        node.script(match end {
            End::RetriedOnce(_) => vec![refused.clone(), refused],
            _ if exchange.answer.is_none() => vec![Reply::Nothing],
            _ => vec![refused],
        });
        let ends = send(&client, vector, theirs)?;
        let frames = node.frames();
        let ours = &frames[seen..];
        seen = frames.len();
        let exchanged = || -> Result<(), String> {
            let wanted = if matches!(end, End::Retried | End::RetriedOnce(_)) { 2 } else { 1 };
            if ours.len() != wanted || ours.iter().any(|frame| frame != &ours[0]) {
                return Err(format!("{wanted} equal frames were to come, {} came", ours.len()));
            }
            compare::frames(vector, theirs, &Frame::decode(&ours[0])?, &options)?;
            ends.iter().try_for_each(|delivery| told(end, delivery))
        };
        exchanged().map_err(|why| format!("exchange {at}: {why}"))?;
    }
    heartbeats(exchanges, &theirs, &node, &client)?;
    let requests = manager.requests();
    let expected = vector.manager_requests.first();
    match (expected, requests.first()) {
        (Some(expected), Some(got)) => compare::manager(expected, got, options.ser_ip.as_deref())?,
        (Some(_), None) => return Err("the Manager was not asked".to_owned()),
        _ => {}
    }
    client.close_blocking(PATIENCE).map(drop).map_err(|error| error.to_string())
}

/// Sends the messages of a frame and waits until each has ended.
fn send(client: &Client, vector: &Vector, theirs: &Frame) -> Result<Vec<Delivery>, String> {
    let (group, stream) =
        (theirs.attribute("groupId").unwrap_or_default(), theirs.attribute("streamId").unwrap_or_default());
    let messages = options::messages(vector, theirs)?;
    let (sender, ended) = mpsc::channel();
    for (data, time) in &messages {
        let message = Message::new(group, stream, &data[..]);
        let message = time.iter().fold(message, |message, time| message.time(*time));
        let added = options::attributes_of(theirs);
        let message = added.into_iter().fold(message, |message, (key, value)| message.attribute(key, value));
        let sender = sender.clone();
        let told = move |delivery| drop(sender.send(delivery));
        client.send_reported(&message, told).map_err(|error| format!("a message was refused: {error}"))?;
    }
    drop(sender);
    client.flush_blocking(PATIENCE).map_err(|error| error.to_string())?;
    let ends: Vec<Delivery> = messages.iter().map_while(|_| ended.recv_timeout(PATIENCE).ok()).collect();
    match ends.len() {
        told if told == messages.len() => Ok(ends),
        told => Err(format!("{} messages were sent, the end of {told} was told", messages.len())),
    }
}

/// What the answer comes to.
fn end(exchange: &Exchange, theirs: &Frame) -> Result<End, String> {
    let Some(answer) = &exchange.answer else {
        let quiet = theirs.attribute("isAck") == Some("false");
        return Ok(if quiet { End::Unconfirmed } else { End::Retried });
    };
    Ok(match Answer::decode(answer)?.code() {
        // A duplicate is there.
        0 | 120 => End::Delivered,
        1 | 2 | 3 | 114 | 116..=119 => End::Retried,
        code @ 1..=151 => End::Rejected(code),
        code => End::RetriedOnce(code),
    })
}

fn told(end: End, delivery: &Delivery) -> Result<(), String> {
    let fits = match (end, &delivery.fate) {
        (End::Delivered | End::Retried, Fate::Delivered) => true,
        (End::Unconfirmed, Fate::Unconfirmed) => true,
        (End::Rejected(code) | End::RetriedOnce(code), Fate::Rejected(cause)) => cause.code == code,
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{end:?} was to be told, {:?} was", delivery.fate)) }
}

/// Heartbeats like the vendor's, where the case has such, and what is not understood does no harm.
fn heartbeats(exchanges: &[Exchange], theirs: &[Frame], node: &Node, client: &Client) -> Result<(), String> {
    let mut expected = exchanges.iter().zip(theirs).filter(|(_, frame)| frame.is_heartbeat());
    let Some((exchange, _)) = expected.next() else {
        // The first on a connection opens it.
        return node.heartbeats(0, PATIENCE).iter().try_for_each(|heartbeat| compare::heartbeat(heartbeat));
    };
    if theirs.iter().any(|frame| frame.kind == 1) {
        // The text answer is of no frame that our client sends; it must get over it.
        node.aside(exchange.answer.as_deref().unwrap_or_default());
    }
    let before = node.heartbeats(0, PATIENCE).len();
    let came = node.heartbeats(before + 1, PATIENCE);
    if came.len() == before {
        return Err("no heartbeat came".to_owned());
    }
    came.iter().try_for_each(|heartbeat| compare::heartbeat(heartbeat))?;
    let Some(messages) = theirs.iter().find(|frame| !frame.is_heartbeat()) else { return Ok(()) };
    let group = messages.attribute("groupId").unwrap_or_default();
    client.send(group, "after_heartbeat", "still there").map_err(|error| error.to_string())?;
    match client.flush_blocking(PATIENCE) {
        Ok(report) if report.delivered == 1 => Ok(()),
        Ok(report) => Err(format!("after the heartbeat: {report:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// A node list as a Manager writes it.
fn node_list(port: u16) -> String {
    format!(
        r#"{{"success":true,"errMsg":null,"data":{{"clusterId":1,"reportSourceType":null,"isIntranet":null,"isSwitch":null,"load":20,"maxPacketLength":null,"nodeList":[{{"id":1,"ip":"127.0.0.1","port":{port},"protocolType":null,"nodeLoad":-1}}]}}}}"#
    )
}

/// A Manager's answer, and what each client asked.
fn manager(status: u16, body: &str, requests: &[ManagerRequest]) -> Result<(), String> {
    let node = Node::start()?;
    let body = body.replace("\"PORT\"", &node.port().to_string());
    // As often as it may ask.
    let manager = Capture::start(&vec![HttpAnswer::Body(status, body.clone()); 32])?;
    let expected = requests.first().ok_or("a Manager's case without a request")?;
    let (path, _) = expected.path.split_once('?').unwrap_or((&expected.path, ""));
    let (base, group) = path.rsplit_once('/').ok_or("a request without a path")?;
    let mut options = Options::new(format!("{}{base}", manager.url()));
    options.inlong_group_ids = vec![group.to_owned()];
    options.pack_timeout = 50;
    options::authorise(&mut options, expected)?;
    let client = Client::builder(options.clone()).build().map_err(|error| error.to_string())?;
    client.send(group, "s1", "hello").map_err(|error| error.to_string())?;
    if !manager.wait(1, PATIENCE) {
        return Err("the Manager was not asked".to_owned());
    }
    let usable = status == 200 && compare::has_nodes(&body);
    let time = if usable { PATIENCE } else { NO_ANSWER };
    let report = client.flush_blocking(time).map_err(|error| error.to_string())?;
    let counts = (report.delivered, report.pending);
    if counts != if usable { (1, 0) } else { (0, 1) } {
        return Err(format!("with a list that is {}usable: {report:?}", if usable { "" } else { "not " }));
    }
    let asked = manager.requests();
    for expected in requests {
        compare::manager(expected, &asked[0], None)?;
    }
    // Only where there was no answer of the Manager itself it is asked again at once.
    let passing = status != 200 || body.is_empty();
    let times = if passing { 4 } else { 1 };
    if passing && !manager.wait(times, PATIENCE) || !passing && asked.len() != times {
        return Err(format!(
            "the Manager was to be asked {times} times, it was {}",
            manager.requests().len()
        ));
    }
    client.close_blocking(Duration::ZERO).map(drop).map_err(|error| error.to_string())
}

/// The value of a field of a form or a query.
fn field(text: &str, name: &str) -> Option<String> {
    attributes(text).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
