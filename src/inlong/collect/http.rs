//! The HTTP entrance of a DataProxy: `/dataproxy/message` takes a form, `/dataproxy/heartbeat` says that it is there.
//!
//! Every answer is 200 with a code in its body, which is a text and not escaped; only a body that is too long is 413.

use std::borrow::Cow;
use std::net::IpAddr;

use super::messages::{self, Common, lines};
use super::{Refused, codes, is_unknown, name, set};
use crate::received::Records;

/// What the paths of this entrance begin with.
pub const PREFIX: &str = "/dataproxy/";

/// The path that messages are sent to.
pub const MESSAGE: &str = "/dataproxy/message";

/// The path that only answers.
pub const HEARTBEAT: &str = "/dataproxy/heartbeat";

/// The type of every answer that has a body.
pub const CONTENT_TYPE: &str = "application/json;charset=utf-8";

/// The only content type of a posted body, compared without case.
const FORM: &str = "application/x-www-form-urlencoded";

/// A request to [`MESSAGE`].
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The query as it was sent, without `?`.
    pub query: &'a str,
    /// The content type, if it has one.
    pub content_type: Option<&'a str>,
    /// The body as it was sent.
    pub body: &'a [u8],
    /// Who sent it.
    pub client: IpAddr,
    /// Milliseconds since the Unix epoch.
    pub now: i64,
    /// Groups, and streams as `group/stream`, that have no topic.
    pub unknown: &'a [String],
}

/// What becomes of it.
#[derive(Debug)]
pub struct Taken {
    /// The function that the answer is to call, as the request asks.
    pub callback: Option<String>,
    /// The messages, or why they are refused.
    pub result: Result<Records, Refused>,
}

/// Decodes a request.
pub fn receive(post: &Post<'_>) -> Taken {
    let mut taken = Taken { callback: None, result: Ok(Records::default()) };
    taken.result = accept(post, &mut taken.callback);
    taken
}

/// The body of an answer.
pub fn answer(code: u32, message: &str, callback: Option<&str>) -> String {
    let body = format!("{{\"code\":\"{code}\",\"msg\":\"{message}\"}}");
    match callback {
        Some(callback) => format!("{callback}({body})"),
        None => body,
    }
}

fn accept(post: &Post<'_>, callback: &mut Option<String>) -> Result<Records, Refused> {
    let refused = |code| Refused::new(code, codes::meaning(code));
    if !matches!(post.method, "GET" | "POST") {
        return Err(refused(codes::HTTP_METHOD));
    }
    let query = fields(post.query.as_bytes()).ok_or_else(|| refused(codes::HTTP_URI))?;
    let form = match post.content_type {
        Some(content_type) if post.method == "POST" && !post.body.is_empty() => {
            if !content_type.trim().eq_ignore_ascii_case(FORM) {
                return Err(refused(codes::HTTP_CONTENT_TYPE));
            }
            fields(post.body).ok_or_else(|| refused(codes::HTTP_DECODE))?
        }
        _ => Vec::new(),
    };
    let get = |name: &str| {
        let found = form.iter().chain(&query).find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let filled = |name| get(name).filter(|value| !value.trim().is_empty());
    *callback = filled("callback").map(str::to_owned);
    let group = filled("groupId")
        .ok_or_else(|| Refused::new(codes::NO_GROUP, "Field groupId must exist and not blank!"))?;
    let stream = filled("streamId")
        .ok_or_else(|| Refused::new(codes::NO_STREAM, "Field streamId must exist and not blank!"))?;
    if is_unknown(post.unknown, group, stream) {
        let message = format!("Topic not configured for groupId({group}),streamId(,{stream})");
        return Err(Refused::new(codes::NO_TOPIC, message));
    }
    let body = get("body").ok_or_else(|| Refused::new(codes::NO_BODY, "Field body is not exist!"))?;
    if body.trim().is_empty() {
        return Err(Refused::new(codes::BLANK, "Field body is Blank!"));
    }
    let time = get("dt").and_then(|dt| dt.trim().parse().ok()).unwrap_or(post.now);
    let count =
        get("cnt").and_then(|count| count.trim().parse().ok()).filter(|count| *count > 0).unwrap_or(1);
    let mut attributes = Vec::new();
    for (key, value) in [
        ("groupId", group.to_owned()),
        ("streamId", stream.to_owned()),
        ("dt", time.to_string()),
        ("clientIp", post.client.to_string()),
        ("cnt", count.to_string()),
        ("rt", post.now.to_string()),
        ("rtms", post.now.to_string()),
    ] {
        set(&mut attributes, key, value);
    }
    let common = Common { name: name(group, stream), time, attributes };
    Ok(messages::records(&lines(body.as_bytes(), count), &common))
}

/// The fields of a form or a query. `None` when an escape is none; what is not UTF-8 is replaced.
pub(super) fn fields(text: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    // Many more than there are, and few enough to be looked through.
    pairs
        .take(1_000)
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            Some((unescape(name)?, unescape(value)?))
        })
        .collect()
}

fn unescape(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => *byte,
        });
    }
    Some(match String::from_utf8_lossy(&out) {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => String::from_utf8(out).unwrap_or_default(),
    })
}
