//! Forms: our client posts what the vendor's Java client posted.

use std::collections::BTreeMap;

use trackwire::inlong::{Client, Message, Options, Protocol};

use super::super::vector::{HttpExchange, Vector};
use super::{NO_ANSWER, PATIENCE, compare, node_list};
use crate::capture::{Answer, Capture, Request};
use crate::http::{Message as HttpMessage, unescape};
use crate::inlong::attributes;

/// The only content type that servers take.
const FORM: &str = "application/x-www-form-urlencoded";

/// Posts every form and compares.
pub(super) fn replay(vector: &Vector, exchanges: &[HttpExchange]) -> Result<(), String> {
    let mut answers = Vec::new();
    for exchange in exchanges {
        let answer = read(&exchange.answer)?;
        let status = answer.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(200);
        answers.push(Answer::Body(status, String::from_utf8_lossy(&answer.body).into_owned()));
    }
    let (endpoint, manager) = (Capture::start(&answers)?, Capture::start(&[])?);
    manager.script(vec![Answer::Body(200, node_list(endpoint.port()))]);
    let mut options = Options::new(format!("{}/inlong/manager/openapi/dataproxy/getIpList", manager.url()));
    options.protocol = Protocol::Http;
    options.pack_timeout = 50;
    let client = Client::builder(options).build().map_err(|error| error.to_string())?;
    for (at, exchange) in exchanges.iter().enumerate() {
        let theirs = read(&exchange.request)?;
        let (expected, messages) = form(&theirs.body)?;
        let time = expected.get("dt").and_then(|dt| dt.parse().ok());
        let of = |key: &str| expected.get(key).map(String::as_str).unwrap_or_default();
        for message in &messages {
            let message = Message::new(of("groupId"), of("streamId"), &message[..]);
            let message = time.iter().fold(message, |message, time: &u64| message.time(*time));
            client.send_message(&message).map_err(|error| format!("a message was refused: {error}"))?;
        }
        let report = client.flush_blocking(PATIENCE).map_err(|error| error.to_string())?;
        let code = String::from_utf8_lossy(&read(&exchange.answer)?.body).contains("\"code\":\"0\"");
        let counts = (report.delivered, report.pending);
        if code && counts != (messages.len() as u64, 0) {
            return Err(format!("exchange {at}: {report:?}"));
        }
        let requests = endpoint.requests();
        let got = requests.get(at).ok_or_else(|| format!("exchange {at}: no request came"))?;
        same(&theirs, got).map_err(|why| format!("exchange {at}: {why}"))?;
    }
    let asked = manager.requests();
    if let (Some(expected), Some(got)) = (vector.manager_requests.first(), asked.first()) {
        compare::manager(expected, got, None)?;
    }
    client.close_blocking(NO_ANSWER).map(drop).map_err(|error| error.to_string())
}

fn same(theirs: &HttpMessage, ours: &Request) -> Result<(), String> {
    let path = theirs.start.split(' ').nth(1).unwrap_or_default();
    if ours.method != "POST" || ours.path != path {
        return Err(format!("expected POST {path}, got {} {}", ours.method, ours.path));
    }
    if ours.header("content-type") != Some(FORM) {
        return Err(format!("the content type must be exactly {FORM}"));
    }
    let (expected, got) = (form(&theirs.body)?, form(&ours.body)?);
    if expected == got { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}")) }
}

/// The fields of a form without the messages, and these: what is between them is the client's choice, which the server
/// passes over.
fn form(body: &[u8]) -> Result<(BTreeMap<String, String>, Vec<Vec<u8>>), String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let plain = |text: &str| unescape(&text.replace('+', " "));
    let fields = attributes(text).into_iter().map(|(key, value)| (plain(&key), plain(&value)));
    let mut fields: BTreeMap<String, String> = fields.collect();
    let between = fields.remove("rcdDlmtr").unwrap_or_else(|| "\n".to_owned());
    let body = fields.remove("body").ok_or("a form without a body")?;
    let several = fields.get("cnt").is_some_and(|count| count != "1");
    let parts: Vec<_> = if several { body.split(&between).collect() } else { vec![&*body] };
    Ok((fields, parts.into_iter().map(|part| part.as_bytes().to_vec()).collect()))
}

fn read(bytes: &[u8]) -> Result<HttpMessage, String> {
    HttpMessage::read(&mut &bytes[..]).map_err(|error| error.to_string())?.ok_or_else(|| "nothing".to_owned())
}
