//! The requests and answers of the systems that speak HTTP. Data only: who sends them is a driver's matter.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::destination::Now;

/// An HTTP request, ready to send. Its body is shared with the engine's batch, so a retry sends the same bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, in capitals.
    pub method: &'static str,
    /// The absolute URL, already escaped.
    pub url: String,
    /// Header names (lower case) and values.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body.
    pub body: Body,
    /// How much of the answer's body is of use, bytes. What is beyond may be left unread. Default 64 KiB.
    pub max_answer: usize,
}

/// The bytes of a body; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body(Arc<Vec<u8>>);

/// What was answered, as far as a destination needs it to judge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The value of `Retry-After`, as it was sent.
    pub retry_after: Option<String>,
    /// The first part of the body, for error messages and answers per record.
    pub body: Vec<u8>,
}

/// A request that stands alone, not one of a batch, and what its answer means: any transport can carry any of them.
///
/// A call is plain data. It holds what it asks for, opens nothing and reads no clock; whoever runs it decides where and
/// how often.
pub trait Call {
    /// What a good answer says.
    type Output;
    /// Why an answer is of no use. What the system itself said belongs here, what kept it from answering does not: that is
    /// a [`TransportError`](crate::destination::TransportError).
    type Error: std::error::Error;

    /// The request. `now` is for what must be fresh each time, such as a signature over a time.
    fn request(&self, now: Now) -> Request;

    /// Reads the answer. Whatever its bytes are, this does not panic.
    fn parse(&self, response: &Response) -> Result<Self::Output, Self::Error>;
}

impl Request {
    /// A `POST` of `body` to `url`.
    pub fn post(url: String, body: Body) -> Self {
        Self { method: "POST", url, headers: Vec::new(), body, max_answer: 64 << 10 }
    }

    /// Adds a header; `name` in lower case.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Response {
    /// An answer with this status and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials are never shown.
        let shown = |(name, value): &(Cow<'static, str>, Cow<'static, str>)| match &**name {
            "authorization" => (name.clone(), "…".into()),
            _ => (name.clone(), value.clone()),
        };
        let headers: Vec<_> = self.headers.iter().map(shown).collect();
        let Self { method, url, body, .. } = self;
        let mut out = f.debug_struct("Request");
        out.field("method", method).field("url", url).field("headers", &headers).field("body", body).finish()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Response {
    /// The wait that `Retry-After` asks for, ms, from its number of seconds or its date; `None` when there is none
    /// or it cannot be read. `wall` is the wall clock, ms since the Unix epoch.
    pub fn retry_after_ms(&self, wall: u64) -> Option<u64> {
        let text = self.retry_after.as_deref()?.trim_ascii();
        let mut ms: u64 = 0;
        for byte in text.bytes() {
            match byte {
                // Beyond 35,000 years it is all the same.
                b'0'..=b'9' if ms < 1 << 50 => ms = ms * 10 + u64::from(byte - b'0') * 1_000,
                b'0'..=b'9' => {}
                _ => return Some(read_date(text)?.saturating_sub(wall)),
            }
        }
        (!text.is_empty()).then_some(ms)
    }
}

/// The npm package's shell reads dates, and tells seconds.
#[cfg(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))]
fn read_date(_: &str) -> Option<u64> {
    None
}

/// A date of HTTP, ms since the Unix epoch.
#[cfg(not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))]
fn read_date(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    u64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let request =
            Request::post("http://x/".into(), Body::default()).header("authorization", "Basic c2VjcmV0");
        let shown = format!("{:?}", request.header("accept", "text/plain"));
        assert!(
            !shown.contains("c2VjcmV0") && shown.contains("authorization") && shown.contains("text/plain")
        );
    }

    #[test]
    fn retry_after_comes_in_two_forms() {
        let ask = |value: &str| Response::new(503).retry_after(value).retry_after_ms(784_111_770_000);
        assert_eq!(ask("7"), Some(7_000));
        assert_eq!(ask(" 0 "), Some(0));
        assert_eq!(ask("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7_000));
        assert_eq!(ask("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(ask("99999999999999999999"), Some(9_999_999_999_999_000));
        assert_eq!(ask(""), None);
        assert_eq!(ask("soon"), None);
        assert_eq!(ask("-1"), None);
        assert_eq!(Response::new(503).retry_after_ms(0), None);
    }
}
