//! The HTTP entrance of a DataProxy: `/dataproxy/message` takes a form, `/dataproxy/heartbeat` says that it is there.
//!
//! Every answer is 200 with a code in its body, which is a text and not escaped; only a body that is too long is 413.

use std::borrow::Cow;
use std::net::IpAddr;

use super::messages::{self, Common, lines};
use super::{Refused, codes, is_blank, is_unknown, name, set};
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
    // The server stumbles at such, wherever it is.
    let broken = |why: String| Refused::new(codes::UNKNOWN, format!("Process message failure: {why}"));
    if !matches!(post.method, "GET" | "POST") {
        return Err(refused(codes::HTTP_METHOD));
    }
    let query = fields(post.query).map_err(broken)?;
    let form = match post.content_type {
        Some(content_type) if post.method == "POST" && !post.body.is_empty() && !is_blank(content_type) => {
            if !content_type.trim().eq_ignore_ascii_case(FORM) {
                return Err(refused(codes::HTTP_CONTENT_TYPE));
            }
            fields(&String::from_utf8_lossy(post.body)).map_err(broken)?
        }
        _ => Vec::new(),
    };
    let get = |name: &str| {
        let found = form.iter().chain(&query).find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let filled = |name| get(name).filter(|value| !is_blank(value));
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
    if is_blank(body) {
        return Err(Refused::new(codes::BLANK, "Field body is Blank!"));
    }
    let time = get("dt").and_then(|dt| dt.parse().ok()).unwrap_or(post.now);
    let count: i32 = get("cnt").and_then(|count| count.parse().ok()).unwrap_or(1);
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
    if let Some(version) = get("auditVersion").and_then(|version| version.parse::<i64>().ok())
        && version != -1
    {
        set(&mut attributes, "auditVersion", version.to_string());
    }
    let common = Common { name: name(group, stream), time, attributes };
    let count = usize::try_from(count).unwrap_or(1);
    Ok(messages::records(&lines(body.as_bytes(), count), &common))
}

/// The fields of a form or a query, as the server takes them apart: `;` parts them as `&` does, `#` ends them.
///
/// # Errors
/// When an escape is none, in the server's words.
pub(super) fn fields(text: &str) -> Result<Vec<(String, String)>, String> {
    // Many more than there are, and few enough to be looked through.
    const MAX: usize = 1_024;
    let text = text.strip_prefix('?').unwrap_or(text);
    let end = text.find('#').unwrap_or(text.len());
    let mut found = Vec::new();
    let mut start = 0;
    for part in text[..end].split(['&', ';']) {
        let pair_start = start + (part.len() - part.trim_start_matches('=').len());
        let pair = start + part.len();
        if pair_start < pair && found.len() < MAX {
            let equals = text[pair_start..pair].find('=').map_or(pair, |at| pair_start + at);
            let name = unescape(text, pair_start, equals)?;
            found.push((name, unescape(text, (equals + 1).min(pair), pair)?));
        }
        start = pair + 1;
    }
    Ok(found)
}

/// Undoes the escapes of a part; bytes that are not UTF-8 then are replaced.
fn unescape(text: &str, from: usize, to: usize) -> Result<String, String> {
    let bytes = text.as_bytes();
    // The server counts characters.
    let index = |at: usize| text[..at].encode_utf16().count();
    let mut out = Vec::with_capacity(to - from);
    let mut at = from;
    while at < to {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' if at + 3 > to => {
                return Err(format!("unterminated escape sequence at index {} of: {text}", index(at)));
            }
            b'%' => {
                let digit = |at: usize| char::from(bytes[at]).to_digit(16);
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                    let wrong: String = text[at + 1..].chars().take(2).collect();
                    return Err(format!("invalid hex byte '{wrong}' at index {} of '{text}'", index(at + 1)));
                };
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(match String::from_utf8_lossy(&out) {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => String::from_utf8(out).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_are_taken_apart_as_the_server_does() {
        let read = |text| {
            fields(text).map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join("|")
            })
        };
        for (text, expected) in [
            ("a=1&b=2", "a=1|b=2"),
            ("?a=1;b=2#c=3", "a=1|b=2"),
            ("a&b=&=c&==d=e&&=", "a=|b=|c=|d=e"),
            ("a=b=c&x+y=%E4%B8%AD+%26%3d", "a=b=c|x y=中 &="),
            ("中=%41", "中=A"),
            ("", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("a=1&b=%zz", "invalid hex byte 'zz' at index 7 of 'a=1&b=%zz'"),
            ("b=100%", "unterminated escape sequence at index 5 of: b=100%"),
            ("b=%4&c=1", "unterminated escape sequence at index 2 of: b=%4&c=1"),
            ("中=%中文x", "invalid hex byte '中文' at index 3 of '中=%中文x'"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(fields(&"a=1&".repeat(3_000)).map(|fields| fields.len()), Ok(1_024));
    }
}
