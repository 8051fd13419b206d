//! HTTP by reqwest, with rustls and ring.

use std::sync::Arc;
use std::time::Duration;

use ::reqwest::{Client, Method, Proxy, Url, redirect};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::http::{HttpTransport, Sending};
use crate::destination::{TransportError, TransportErrorKind};
use crate::http::{Request, Response};

/// What can be set of the client that the tracker makes for itself.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) verify_cert: bool,
    pub(crate) proxy: Option<String>,
    pub(crate) connections: usize,
}

/// Carries requests by a reqwest client.
#[derive(Debug, Clone)]
pub(crate) struct Reqwest {
    client: Client,
    headers: Arc<Vec<(String, String)>>,
}

impl Reqwest {
    pub(crate) fn new(client: Client, headers: Vec<(String, String)>) -> Self {
        Self { client, headers: Arc::new(headers) }
    }

    /// The client a tracker makes for itself.
    pub(crate) fn client(options: &ClientOptions) -> Result<Client, ::reqwest::Error> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .tls_backend_preconfigured(tls(options.verify_cert))
            .pool_max_idle_per_host(options.connections)
            // Below the idle limits usual for servers, so that few requests meet a connection that is just closing.
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true);
        if let Some(proxy) = &options.proxy {
            builder = builder.proxy(Proxy::all(proxy)?);
        }
        builder.build()
    }
}

impl HttpTransport for Reqwest {
    fn send(&self, request: Request, timeout: Duration) -> Sending {
        let Self { client, headers } = self.clone();
        Box::pin(async move {
            let method = Method::from_bytes(request.method.as_bytes()).map_err(not_sent)?;
            let url = Url::parse(&request.url).map_err(not_sent)?;
            let mut builder = client.request(method, url).timeout(timeout);
            for (name, value) in &request.headers {
                if !headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                    builder = builder.header(&**name, &**value);
                }
            }
            for (name, value) in headers.iter() {
                builder = builder.header(name, value);
            }
            let max_answer = request.max_answer;
            let body = bytes::Bytes::from_owner(request.body);
            let request = builder.body(body).build().map_err(error)?;
            // Not as it was given: credentials have become a header.
            let url = request.url().clone();
            let mut answer = match client.execute(request).await {
                // The client is the application's and follows redirects. They can turn a `POST` into a `GET`, so
                // that what the last one answered says nothing about the events.
                Ok(answer) if *answer.url() != url => return Ok(Response::new(302)),
                Err(error) if error.is_redirect() => return Ok(Response::new(302)),
                answer => answer.map_err(error)?,
            };
            let retry_after = answer.headers().get("retry-after");
            let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let mut response = Response::new(answer.status().as_u16());
            response.retry_after = retry_after;
            // The status decides; a body that breaks off changes nothing.
            while response.body.len() < max_answer
                && let Ok(Some(chunk)) = answer.chunk().await
            {
                response.body.extend_from_slice(&chunk);
            }
            Ok(response)
        })
    }
}

fn not_sent(error: impl std::error::Error) -> TransportError {
    TransportError {
        maybe_accepted: false,
        ..TransportError::new(TransportErrorKind::Other, error.to_string())
    }
}

fn error(error: ::reqwest::Error) -> TransportError {
    let kind = match () {
        () if error.is_connect() => TransportErrorKind::Connect,
        () if error.is_timeout() => TransportErrorKind::Timeout,
        () if error.is_builder() => TransportErrorKind::Other,
        () => TransportErrorKind::Reset,
    };
    let mut message = String::new();
    let error = error.without_url();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    // reqwest's own message says only "error sending request"; the reason is in what caused it.
    while let Some(error) = source {
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&error.to_string());
        source = error.source();
    }
    TransportError::new(kind, message)
}

fn tls(verify_cert: bool) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions");
    if verify_cert {
        builder.with_root_certificates(roots()).with_no_client_auth()
    } else {
        let verifier = Arc::new(NoVerification(provider));
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    }
}

/// The machine's own certificates, and Mozilla's where the machine has none (a bare container).
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Takes any certificate: what `verify_cert(false)` asks for.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
