//! Answers. Every one of them carries the CORS headers: a page of any origin may send and look.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

pub(super) type Answer = Response<Body>;

/// The body of an answer.
pub(super) enum Body {
    /// In one piece.
    Whole(Bytes),
    /// Piece by piece until the sender is dropped.
    Pieces(mpsc::Receiver<Bytes>),
}

/// A text that holds a permit for as long as it is on its way.
struct Held {
    text: String,
    _permit: OwnedSemaphorePermit,
}

/// A body that gives its permit back when it was sent, or given up.
pub(super) fn held(text: String, permit: OwnedSemaphorePermit) -> Body {
    Body::Whole(Bytes::from_owner(Held { text, _permit: permit }))
}

/// No body.
pub(super) fn empty(status: u16) -> Answer {
    with_body(status, Body::Whole(Bytes::new()))
}

/// A body of the given type.
pub(super) fn content(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    typed(status, content_type, Body::Whole(body.into()))
}

/// JSON that must not be cached.
pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Answer {
    set(content(status, "application/json", body), header::CACHE_CONTROL, "no-store")
}

/// What went wrong, for people: `{"error":"…"}`.
pub(super) fn error(status: u16, reason: &str) -> Answer {
    let mut body = String::from("{\"error\":");
    crate::received::json::string(reason, &mut body);
    body.push('}');
    json(status, body)
}

/// What is wrong with which field: `{"error":"…","field":"…"}`.
pub(super) fn field_error(field: &str, reason: &str) -> Answer {
    let mut body = String::from("{\"error\":");
    crate::received::json::string(reason, &mut body);
    body.push_str(",\"field\":");
    crate::received::json::string(field, &mut body);
    body.push('}');
    json(400, body)
}

/// As a server answers that knows nothing of pages: without the CORS headers.
pub(super) fn bare(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::Whole(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if content_type.is_empty() { answer } else { set(answer, header::CONTENT_TYPE, content_type) }
}

/// A body with its type.
pub(super) fn typed(status: u16, content_type: &'static str, body: Body) -> Answer {
    set(with_body(status, body), header::CONTENT_TYPE, content_type)
}

/// Sets a header to a fixed value.
pub(super) fn set(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// Answers a preflight.
pub(super) fn preflight(methods: &'static str, headers: &'static str) -> Answer {
    let answer = set(empty(204), header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let answer = set(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    set(answer, header::ACCESS_CONTROL_MAX_AGE, "600")
}

fn with_body(status: u16, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let answer = set(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After")
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
