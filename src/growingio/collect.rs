//! The receiving side: what GrowingIO's collector accepts, as a pure function of the request.
//!
//! Three paths, all `POST`, below any prefix: `/v3/projects/{project}/collect` for custom events and user
//! attributes, `/projects/{project}/collect/item` for items, `/projects/{project}/collect/user-mapping` for
//! user id mappings. The body is a JSON array or a protobuf list message, then raw snappy and XOR as the
//! headers say. Nothing is accepted by half: one bad record refuses its request.

mod json;
mod layers;
mod place;
mod protobuf;

use crate::received::{Incoming, Receipt, Records, Refusal};
use layers::Layers;
use place::Place;

/// The longest body that is accepted, in bytes as sent; longer ones are answered with 413.
pub const MAX_BODY: usize = 8 << 20;

/// The longest body after snappy is undone, in bytes; longer ones are answered with 413.
pub const MAX_PLAIN: usize = 32 << 20;

/// The most records in one request; more are answered with 413.
pub const MAX_RECORDS: usize = 100_000;

/// The headers that a browser may send, for the answer to its preflight.
pub const ALLOWED_HEADERS: &str = "content-type, x-compress-codec, x-crypt-codec, x-timestamp";

/// Whether a path is one of the three, whatever is before it.
pub fn owns(path: &str) -> bool {
    Place::of(path).is_ok()
}

/// Decodes a request, or says why it is refused: 404 for another path, 405 for another method, 413 for what
/// is too large, 400 for everything else.
pub fn receive(incoming: &Incoming<'_>) -> Receipt {
    let place = match Place::of(incoming.path) {
        Ok(place) => place,
        Err(refusal) => return Receipt::refused(refusal),
    };
    if incoming.method != "POST" {
        return Receipt::refused(Refusal::new(
            405,
            format!("{} is not allowed here, use POST", incoming.method),
        ));
    }
    if incoming.body.len() > MAX_BODY {
        return Receipt::refused(too_large(incoming.body.len() as u64));
    }
    let is_protobuf = incoming.header("content-type").is_some_and(is_protobuf);
    let mut receipt = Receipt {
        format: Some(if is_protobuf { "protobuf" } else { "json" }),
        layers: Vec::new(),
        plain_bytes: None,
        result: Ok(Records::default()),
    };
    receipt.result = decode(incoming, &place, is_protobuf, &mut receipt);
    receipt
}

/// The refusal of a body that is longer than [`MAX_BODY`].
pub(crate) fn too_large(len: u64) -> Refusal {
    Refusal::new(413, format!("the body has {len} bytes, at most {MAX_BODY} are accepted"))
}

fn decode(
    incoming: &Incoming<'_>,
    place: &Place,
    is_protobuf: bool,
    receipt: &mut Receipt,
) -> Result<Records, Refusal> {
    let layers = Layers::of(incoming)?;
    receipt.layers = layers.names();
    let plain = layers.undo(incoming.body)?;
    receipt.plain_bytes = Some(plain.len());
    if is_protobuf {
        return protobuf::read(&plain, place);
    }
    if let Some(code) = incoming.parameter("compress").filter(|code| *code != "0") {
        return Err(Refusal::bad_request(format!(
            "compress={code} in the query: only 0 (plain JSON) is understood, LZ-String is not"
        )));
    }
    json::read(plain.into_owned(), place)
}

fn is_protobuf(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    ["application/protobuf", "application/x-protobuf"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

fn too_many() -> Refusal {
    Refusal::new(413, format!("more than {MAX_RECORDS} records in one request"))
}
