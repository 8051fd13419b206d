//! Where requests go, what stands in their heads, and what a refusal says.
//!
//! The npm package's shell does the same in TypeScript (`pkg/src/wire.ts`), where it takes less; one conformance holds
//! both to the same vectors.

use super::delivery::{Lane, Sealed};
use super::options::{Format, Options};
use crate::codec::number::write_unsigned;
use crate::codec::percent::percent;
use crate::http::{Request, Response};

/// How much of an answer's body goes into an error message.
const MESSAGE_BYTES: usize = 200;

/// The last one; the last two compressed; all of them encrypted as well.
const JSON: [(&str, &str); 3] =
    [("x-crypt-codec", "1"), ("x-compress-codec", "2"), ("content-type", "application/json")];
/// The first one; all of them compressed and encrypted. With protobuf, codecs are what the vendor's Go client sends;
/// its headers go with them.
const PROTOBUF: [(&str, &str); 4] = [
    ("content-type", "application/protobuf"),
    ("accept", "application/json"),
    ("x-compress-codec", "2"),
    ("x-crypt-codec", "1"),
];

/// The paths of a project.
#[derive(Debug)]
pub(super) struct Address {
    urls: [String; 3],
    identity: Vec<u8>,
}

impl Address {
    pub(super) fn new(options: &Options) -> Self {
        let host = options.server_host.strip_suffix('/').unwrap_or(&options.server_host);
        let project = percent(&options.product_id);
        let family = if options.format.is_protobuf() { "protobuf" } else { "json" };
        Self {
            urls: [
                [host, "/v3/projects/", &project, "/collect"].concat(),
                [host, "/projects/", &project, "/collect/item"].concat(),
                [host, "/projects/", &project, "/collect/user-mapping"].concat(),
            ],
            identity: [family, &options.product_id, &options.data_source_id].join("\0").into_bytes(),
        }
    }

    pub(super) fn url(&self, lane: Lane) -> &str {
        &self.urls[lane as usize]
    }

    /// What is the same in all records.
    pub(super) fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The request that a batch goes by.
    pub(super) fn request(&self, format: Format, sealed: &Sealed) -> Request {
        let stm = decimal(sealed.stm);
        let compress = if format == Format::Simple { "&compress=0" } else { "" };
        let url = [self.url(sealed.lane), "?stm=", &stm, compress].concat();
        let mut request = Request::post(url, sealed.body.clone());
        let headers: &[(&'static str, &'static str)] = match format {
            Format::Simple => &[("content-type", "text/plain;charset=UTF-8")],
            Format::Json => &JSON[2..],
            Format::JsonSnappy => &JSON[1..],
            Format::JsonSnappyCrypt => &JSON,
            Format::Protobuf => &PROTOBUF[..1],
            Format::ProtobufSnappyCrypt => {
                request = request.header("x-timestamp", stm);
                &PROTOBUF
            }
        };
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        request
    }
}

/// What failed, in words.
pub(super) fn describe(response: &Response) -> String {
    let status = decimal(response.status.into());
    if (300..400).contains(&response.status) {
        let hint = ": redirects are not followed; set server_host to where it points";
        return ["HTTP ", &status, hint].concat();
    }
    let end = response.body.len().min(MESSAGE_BYTES);
    match String::from_utf8_lossy(&response.body[..end]).trim() {
        "" => ["HTTP ", &status].concat(),
        said => ["HTTP ", &status, ": ", said].concat(),
    }
}

fn decimal(number: u64) -> String {
    let mut out = Vec::new();
    write_unsigned(&mut out, number);
    String::from_utf8(out).unwrap_or_default()
}
