//! Track events once, deliver them anywhere.

#![deny(missing_docs)]

mod codec;
pub mod destination;
pub mod engine;
pub mod event;
pub mod http;
mod invalid;

pub use event::{Attribute, Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};
pub use invalid::{Invalid, InvalidKind};
