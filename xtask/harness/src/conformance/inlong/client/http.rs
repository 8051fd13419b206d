//! Forms: our client posts what the vendor's Java client posted.

use std::collections::BTreeMap;

use trackwire::inlong::{Options, Protocol};

use super::super::vector::{HttpExchange, Vector};
use super::options::{Settings, Timed};
use super::runtime::{Client, Runtime, Target};
use super::{End, NO_ANSWER, end_of, manager, options, told};
use crate::capture::{Answer, Capture, Request};
use crate::http::{Message as HttpMessage, unescape};
use crate::inlong::attributes;
use crate::json::Json;

/// The only content type that servers take.
const FORM: &str = "application/x-www-form-urlencoded";

/// Fields and messages.
type Form = (BTreeMap<String, String>, Vec<Vec<u8>>);

/// Posts every form and compares.
pub(super) fn replay(
    vector: &Vector,
    exchanges: &[HttpExchange],
    runtime: &mut Runtime,
) -> Result<(), String> {
    let endpoint = Capture::start(&[])?;
    let manager = Capture::start(&manager::answers(endpoint.port()))?;
    let mut options = Options::new(format!("{}/inlong/manager/openapi/dataproxy/getIpList", manager.url()));
    options.protocol = Protocol::Http;
    options.pack_timeout = options::PACK_TIMEOUT;
    (options.pack_size, options.ext_pack_size) = (Some(4 << 20), 4 << 20);
    let mut settings = Settings::new(options);
    if let Some(request) = vector.manager_requests.first() {
        settings.authorise(request)?;
    }
    let mut client = runtime.client(&settings)?;
    for (at, exchange) in exchanges.iter().enumerate() {
        post(&mut *client, &endpoint, exchange).map_err(|why| format!("exchange {at}: {why}"))?;
    }
    manager::asked(&vector.manager_requests, &manager, None)?;
    client.close(NO_ANSWER)
}

/// One form with its answer; after a refusal that may be tried again the next is accepted.
fn post(client: &mut dyn Client, endpoint: &Capture, exchange: &HttpExchange) -> Result<(), String> {
    let theirs = read(&exchange.request)?.ok_or("an exchange without a request")?;
    let before = endpoint.requests().len();
    let (answer, end) = match read(&exchange.answer)? {
        // It was lost on the way.
        None => (Answer::Cut, End::Retried),
        Some(answer) => {
            let status = answer.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(200);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            let end = if status == 200 { end_of(code(&body)) } else { End::Retried };
            (Answer::Body(status, body), end)
        }
    };
    let accepted = Answer::Body(200, r#"{"code":"0","msg":"Ok"}"#.to_owned());
    let answers = match end {
        End::RetriedOnce(_) => [answer.clone(), answer],
        _ => [answer, accepted],
    };
    endpoint.script(vec![Answer::Cut; before].into_iter().chain(answers).collect());
    let (expected, messages) = form(&theirs.body)?;
    let time = expected.get("dt").and_then(|dt| dt.parse().ok());
    let of = |key: &str| expected.get(key).cloned().unwrap_or_default();
    let to = Target { group: of("groupId"), stream: of("streamId"), attributes: Vec::new() };
    let messages: Vec<Timed> = messages.into_iter().map(|message| (message, time)).collect();
    let ends = client.send(&to, &messages)?;
    if ends.len() != messages.len() {
        return Err("the end of a message was not told".to_owned());
    }
    ends.iter().try_for_each(|ended| told(end, ended))?;
    let requests = endpoint.requests();
    let wanted = if matches!(end, End::Retried | End::RetriedOnce(_)) { 2 } else { 1 };
    if requests.len() != before + wanted {
        return Err(format!("{wanted} requests were to come, {} came", requests.len() - before));
    }
    requests[before..].iter().try_for_each(|request| same(&theirs, request))
}

/// The code of an answer's body.
fn code(body: &str) -> u32 {
    let json = body.find('{').zip(body.rfind('}')).and_then(|(start, end)| body.get(start..=end));
    let code =
        json.and_then(|json| Json::parse(json).ok()).and_then(|json| json.text_of("code")?.parse().ok());
    code.unwrap_or(0)
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
fn form(body: &[u8]) -> Result<Form, String> {
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

/// `None` where there is nothing.
fn read(bytes: &[u8]) -> Result<Option<HttpMessage>, String> {
    HttpMessage::read(&mut &bytes[..]).map_err(|error| error.to_string())
}
