//! Records of events that are there as such, for applications in Rust.

mod fields;
mod json;
mod protobuf;
mod text;
mod validate;

use json::JsonRecords;
use protobuf::ProtobufRecords;

use super::options::Options;
use crate::destination::Now;
use crate::{Event, Invalid};

/// Writes records in the form that the options name.
#[derive(Debug)]
pub(super) enum EventRecords {
    Json(JsonRecords),
    Protobuf(ProtobufRecords),
}

impl EventRecords {
    pub(super) fn new(options: &Options) -> Self {
        match options.format.is_protobuf() {
            true => Self::Protobuf(ProtobufRecords::new(options)),
            false => Self::Json(JsonRecords::new(options)),
        }
    }

    /// Appends an event's record.
    pub(super) fn encode(
        &self,
        event: &Event<'_>,
        validate: bool,
        now: Now,
        out: &mut Vec<u8>,
    ) -> Result<(), Invalid> {
        if validate {
            validate::validate(event)?;
        }
        let called_at = i64::try_from(now.wall).unwrap_or(i64::MAX);
        match self {
            Self::Json(records) => records.write(event, called_at, out),
            Self::Protobuf(records) => records.write(event, called_at, out),
        }
    }
}
