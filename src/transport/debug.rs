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
        let line = format!("trackwire: {} {} ({} bytes)", request.method, request.url, request.body.len());
        (self.print)(&line);
        let sending = self.inner.send(request, timeout);
        let print = self.print.clone();
        Box::pin(async move {
            let answer = sending.await;
            match &answer {
                Ok(response) => print(&format!("trackwire: answered {}", response.status)),
                Err(error) => print(&format!("trackwire: not answered: {error}")),
            }
            answer
        })
    }
}
