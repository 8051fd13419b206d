//! Prints what goes out and what comes back: the `debug` strategy.

use std::sync::Arc;
use std::time::Duration;

use super::http::{HttpTransport, Sending};
use crate::http::Request;

/// Carries requests by another transport and prints them.
pub(crate) struct DebugTransport {
    inner: Arc<dyn HttpTransport>,
    print: Arc<dyn Fn(&str) + Send + Sync>,
}

impl DebugTransport {
    pub(crate) fn new(inner: Arc<dyn HttpTransport>, print: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { inner, print }
    }
}

impl HttpTransport for DebugTransport {
    fn send(&self, request: Request, timeout: Duration) -> Sending {
        let url = without_credentials(&request.url);
        let line = format!("trackwire: {} {url} ({} bytes)", request.method, request.body.len());
        (self.print)(&line);
        let sending = self.inner.send(request, timeout);
        let print = self.print.clone();
        Box::pin(async move {
            let answer = sending.await;
            print(&super::answered(&answer));
            answer
        })
    }
}

/// A URL as it may be shown: without the user and password that may stand before its host. Where it is no URL, and so
/// nobody knows where they end, all before the last `@` is hidden.
pub(crate) fn without_credentials(url: &str) -> String {
    let start = url.find("://").map_or(0, |place| place + 3);
    let (scheme, rest) = url.split_at(start);
    let authority = match ::reqwest::Url::parse(url) {
        Ok(url) if url.has_host() => rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()),
        _ => rest.len(),
    };
    match rest[..authority].rfind('@') {
        Some(place) => format!("{scheme}***{}", &rest[place..]),
        None => url.to_owned(),
    }
}
