//! The message endpoint over HTTP: a form of exactly one content type, and answers that are 200 for everything but what is
//! too long.

use super::delivery::judge_code;
use super::target::Target;
use crate::codec::bytes::{byte_at, digits, find, part, put, put_byte, said};
use crate::codec::number::write_unsigned;
use crate::destination::{Cause, Now, Records, Verdict};
use crate::http::{Body, Request, Response};

/// With parameters behind it the server would refuse it.
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The request that posts a body.
pub(super) fn request(url: &str, body: Body) -> Request {
    let request = Request::post(url.into(), body);
    // The npm package's shell writes heads itself.
    if crate::NPM {
        return request;
    }
    request.header("content-type", CONTENT_TYPE)
}

/// What stands behind a message in a form, in front of the next.
pub(super) const LF: &[u8] = b"%0A";

/// The form of a pack; its records are escaped already.
pub(super) fn body(target: &Target, records: Records<'_>, time: u64) -> Vec<u8> {
    let mut out = Vec::new();
    out.reserve_exact(records.bytes() + 3 * (target.group().len() + target.stream().len()) + 80);
    put(&mut out, b"groupId=");
    put_escaped(&mut out, target.group().as_bytes());
    put(&mut out, b"&streamId=");
    put_escaped(&mut out, target.stream().as_bytes());
    put(&mut out, b"&dt=");
    write_unsigned(&mut out, time);
    put(&mut out, b"&body=");
    records.pieces().for_each(|piece| put(&mut out, piece));
    // It stands between messages only.
    out.truncate(out.len() - LF.len());
    put(&mut out, b"&cnt=");
    write_unsigned(&mut out, records.len() as u64);
    out
}

/// Appends bytes as they stand in a form.
pub(super) fn put_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b' ' => put_byte(out, b'+'),
            _ if is_plain(byte) => put_byte(out, byte),
            _ => put(out, &[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// How many bytes [`put_escaped`] appends.
pub(super) fn escaped_bytes(bytes: &[u8]) -> usize {
    3 * bytes.len() - 2 * bytes.iter().filter(|&&byte| byte == b' ' || is_plain(byte)).count()
}

/// Whether a byte stands for itself in a form.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*')
}

/// What [`put_escaped`] was given.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digit = |at| char::from(byte_at(text, at)).to_digit(16).unwrap_or_default() as u8;
        match text[at] {
            b'+' => put_byte(&mut out, b' '),
            b'%' => {
                put_byte(&mut out, digit(at + 1) << 4 | digit(at + 2));
                at += 2;
            }
            byte => put_byte(&mut out, byte),
        }
        at += 1;
    }
    out
}

/// What an answer means.
pub(super) fn judge(response: &Response, now: Now) -> Verdict {
    let cause = |hint: &'static str| Cause::new(u32::from(response.status), hint);
    match response.status {
        200 => match read_code(&response.body) {
            Some((code, message)) => judge_code(code, &message),
            // Something in between answered for the node.
            None => Verdict::Retry {
                after: None,
                maybe_accepted: true,
                cause: cause("the answer is not a DataProxy's: is this its message endpoint?"),
            },
        },
        413 => Verdict::Split(cause("the body is longer than the node takes")),
        408 | 429 | 500..=599 => Verdict::Retry {
            after: response.retry_after_ms(now.wall),
            maybe_accepted: !matches!(response.status, 408 | 429 | 503),
            cause: cause("not now"),
        },
        // Something in between, which may be put right: an outage, not a loss.
        _ => Verdict::Retry {
            after: response.retry_after_ms(now.wall),
            maybe_accepted: false,
            cause: cause("no DataProxy answers with this status: is this its message endpoint?"),
        },
    }
}

/// The code and the text of an answer. The text is not escaped as JSON is, so a reader of JSON might trip over it.
fn read_code(body: &[u8]) -> Option<(u32, String)> {
    let rest = behind(body, b"\"code\"")?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let (code, _) = digits(rest.strip_prefix(b"\"").unwrap_or(rest))?;
    let mut message = behind(rest, b"\"msg\":\"").unwrap_or_default();
    if let Some(end) = message.iter().rposition(|&byte| byte == b'"') {
        message = part(message, 0, end);
    }
    Some((u32::try_from(code).ok()?, said(message, 500)))
}

/// What comes after a text.
fn behind<'a>(bytes: &'a [u8], text: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, text)? + text.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_whatever_the_text_holds() {
        let read = |text: &str| read_code(text.as_bytes());
        assert_eq!(read(r#"{"code":"0","msg":"Ok"}"#), Some((0, "Ok".into())));
        assert_eq!(
            read(r#"{"code":"115","msg":"Topic "a" is null"}"#),
            Some((115, "Topic \"a\" is null".into()))
        );
        assert_eq!(read(r#"callback({"code":"100","msg":""})"#), Some((100, String::new())));
        assert_eq!(read(r#"{"code": 1}"#), Some((1, String::new())));
        for other in ["", "{}", "<html>", r#"{"code":"x"}"#, r#"{"code":99999999999}"#] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_reads_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
            let mut text = Vec::new();
            put_escaped(&mut text, &bytes);
            assert!(text.is_ascii());
            assert_eq!(escaped_bytes(&bytes), text.len());
            assert_eq!(unescape(&text), bytes);
        }
    }
}
