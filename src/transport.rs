//! What carries requests. One file each.

#[cfg(all(feature = "native", feature = "growingio"))]
mod debug;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub(crate) mod fetch;
#[cfg(feature = "native")]
pub(crate) mod reqwest;
#[cfg(all(feature = "inlong", feature = "native"))]
pub(crate) mod tcp;

#[cfg(feature = "native")]
mod http {
    use std::future::Future;
    use std::pin::Pin;
    use std::time::Duration;

    use crate::destination::TransportError;
    use crate::http::{Request, Response};

    /// What [`HttpTransport::send`] returns.
    pub type Sending = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

    /// Carries HTTP requests for the native driver.
    ///
    /// It must not follow redirects, must end by `timeout`, and must say of a failure whether the other side may
    /// have taken the request ([`TransportError::maybe_accepted`]). One that does not end is dropped a moment later.
    pub trait HttpTransport: Send + Sync + 'static {
        /// Sends one request.
        fn send(&self, request: Request, timeout: Duration) -> Sending;
    }
}

#[cfg(all(feature = "wasm", target_family = "wasm"))]
mod local {
    use std::future::Future;
    use std::pin::Pin;
    use std::time::Duration;

    use crate::destination::TransportError;
    use crate::http::{Request, Response};

    /// What [`LocalTransport::send`] returns. Dropping it ends the request.
    pub type LocalSending = Pin<Box<dyn Future<Output = Result<Response, TransportError>>>>;

    /// Carries HTTP requests for the wasm driver: for example through a Worker's service binding.
    ///
    /// It must not follow redirects, must end by `timeout`, and must say of a failure whether the other side may
    /// have taken the request ([`TransportError::maybe_accepted`]).
    pub trait LocalTransport: 'static {
        /// Sends one request.
        fn send(&self, request: Request, timeout: Duration) -> LocalSending;
    }
}

/// What the `debug` strategy says of an answer.
#[cfg(any(all(feature = "native", feature = "growingio"), all(feature = "wasm", target_family = "wasm")))]
fn answered(answer: &Result<crate::http::Response, crate::destination::TransportError>) -> String {
    match answer {
        Ok(response) => format!("trackwire: answered {}", response.status),
        Err(error) => format!("trackwire: not answered: {error}"),
    }
}

#[cfg(all(feature = "native", feature = "growingio"))]
pub(crate) use debug::{DebugTransport, without_credentials};
#[cfg(feature = "native")]
pub use http::{HttpTransport, Sending};
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub use local::{LocalSending, LocalTransport};
