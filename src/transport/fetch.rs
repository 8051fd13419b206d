//! HTTP by the host's `fetch`, for applications that are wasm themselves.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestInit, RequestRedirect, ResponseType, WorkerGlobalScope};

use super::local::{LocalSending, LocalTransport};
use crate::destination::{TransportError, TransportErrorKind};
use crate::http::{Request, Response};

/// What Node calls failures to make a connection at all.
const NO_CONNECTION: [&str; 4] = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"];

/// Carries requests by `fetch`.
pub(crate) struct Fetch {
    headers: Vec<(String, String)>,
    /// Whether the next request is to outlive the page.
    keepalive: Rc<Cell<bool>>,
}

impl Fetch {
    pub(crate) fn new(headers: Vec<(String, String)>, keepalive: Rc<Cell<bool>>) -> Self {
        Self { headers, keepalive }
    }

    /// Whether the host takes this for a header.
    pub(crate) fn allows_header(name: &str, value: &str) -> bool {
        Headers::new().is_ok_and(|headers| headers.append(name, value).is_ok())
    }

    /// The request as the host knows it. What it refuses here has not left.
    fn request(&self, request: &Request, controller: &AbortController) -> Result<web_sys::Request, JsValue> {
        let headers = Headers::new()?;
        for (name, value) in &request.headers {
            headers.set(name, value)?;
        }
        for (name, value) in &self.headers {
            headers.set(name, value)?;
        }
        let init = RequestInit::new();
        init.set_method(request.method);
        init.set_headers_headers(&headers);
        // A copy: what fetch is given must not move when the module's memory grows.
        init.set_body(&Uint8Array::from(&request.body[..]));
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&controller.signal()));
        if self.keepalive.get() {
            Reflect::set(&init, &"keepalive".into(), &true.into())?;
        }
        web_sys::Request::new_with_str_and_init(&request.url, &init)
    }
}

impl LocalTransport for Fetch {
    fn send(&self, request: Request, timeout: Duration) -> LocalSending {
        let Ok(controller) = AbortController::new() else {
            let error = TransportError::new(TransportErrorKind::Other, "there is no AbortController");
            return Box::pin(async move { Err(TransportError { maybe_accepted: false, ..error }) });
        };
        let max_answer = request.max_answer as u32;
        let request = self.request(&request, &controller);
        let abort = AbortOnDrop(controller);
        Box::pin(async move {
            let request = request.map_err(|error| TransportError {
                maybe_accepted: false,
                ..TransportError::new(TransportErrorKind::Other, text_of(&error))
            })?;
            let mut late = pin!(TimeoutFuture::new(timer_ms(timeout)));
            let fetch = global().fetch_with_request(&request);
            let answer = within(&mut late, JsFuture::from(fetch)).await;
            let answer = match answer {
                None => Err(TransportError::new(TransportErrorKind::Timeout, "no answer in time")),
                Some(Err(error)) => Err(failure(&error)),
                Some(Ok(answer)) => {
                    let answer: web_sys::Response = answer.unchecked_into();
                    // A page may see that there was a redirect, but not which.
                    let opaque = answer.type_() == ResponseType::Opaqueredirect;
                    let mut response = Response::new(if opaque { 302 } else { answer.status() });
                    response.retry_after = answer.headers().get("retry-after").ok().flatten();
                    // A body that nobody reads keeps its connection, and its part of a page's quota. The status
                    // decides; one that breaks off changes nothing.
                    if let Ok(body) = answer.array_buffer()
                        && let Some(Ok(body)) = within(&mut late, JsFuture::from(body)).await
                    {
                        let body = Uint8Array::new(&body);
                        response.body = body.subarray(0, body.length().min(max_answer)).to_vec();
                    }
                    Ok(response)
                }
            };
            drop(abort);
            answer
        })
    }
}

/// Prints what goes out and what comes back: the `debug` strategy.
pub(crate) struct Debug {
    inner: Box<dyn LocalTransport>,
    print: Rc<dyn Fn(&str)>,
}

impl Debug {
    pub(crate) fn new(inner: Box<dyn LocalTransport>, print: Rc<dyn Fn(&str)>) -> Self {
        Self { inner, print }
    }
}

impl LocalTransport for Debug {
    fn send(&self, request: Request, timeout: Duration) -> LocalSending {
        let Request { method, url, body, .. } = &request;
        (self.print)(&format!("trackwire: {method} {url} ({} bytes)", body.len()));
        let sending = self.inner.send(request, timeout);
        let print = self.print.clone();
        Box::pin(async move {
            let answer = sending.await;
            print(&super::answered(&answer));
            answer
        })
    }
}

/// The longest that a timer takes, ms.
const LONGEST_TIMER: u32 = i32::MAX as u32;

/// A time as a timer takes it, ms.
pub(crate) fn timer_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(LONGEST_TIMER).min(LONGEST_TIMER)
}

/// The global scope. Pages have the few members that are used of it here too.
pub(crate) fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// What comes of `promise` unless it is late.
async fn within<P: Future, L: Future + Unpin>(late: &mut L, promise: P) -> Option<P::Output> {
    let mut promise = pin!(promise);
    let mut late = pin!(late);
    poll_fn(|context| match promise.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => late.as_mut().poll(context).map(|_| None),
    })
    .await
}

/// Ends the request of a future that is dropped. Without effect on one that has ended.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a rejected `fetch` means. Hosts do not say how far the request came, Node excepted: in doubt it arrived.
fn failure(error: &JsValue) -> TransportError {
    let member = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let cause = member(error, "cause");
    let mut message = text_of(error);
    if cause.is_object() {
        message.push_str(": ");
        message.push_str(&text_of(&cause));
    }
    let code = member(&cause, "code").as_string().unwrap_or_default();
    let kind = match NO_CONNECTION.contains(&code.as_str()) {
        true => TransportErrorKind::Connect,
        false => TransportErrorKind::Reset,
    };
    TransportError::new(kind, message)
}

/// `String(value)`, whatever the value is.
fn text_of(value: &JsValue) -> String {
    let string = Reflect::get(&js_sys::global(), &"String".into()).ok().and_then(|it| it.dyn_into().ok());
    let text = string.and_then(|string: Function| string.call1(&JsValue::UNDEFINED, value).ok());
    text.and_then(|text| text.as_string()).unwrap_or_default()
}
