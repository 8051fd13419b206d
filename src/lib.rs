//! Track events once, deliver them anywhere.

#![deny(missing_docs)]

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod codec;
pub mod destination;
#[cfg(feature = "native")]
pub mod driver;
pub mod engine;
pub mod event;
#[cfg(feature = "growingio")]
pub mod growingio;
pub mod http;
mod invalid;
mod policy;
#[cfg(feature = "native")]
pub mod testing;
pub mod transport;

pub use event::{Attribute, Event, Item, Mapping, ResourceItem, Track, UserAttributes, Value};
pub use invalid::{Invalid, InvalidKind};
pub use policy::{BeforeSend, Enabled};
