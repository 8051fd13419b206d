//! Bytes in, bytes out.

#[cfg(feature = "inlong")]
pub(crate) mod base64;
pub(crate) mod bytes;
pub(crate) mod fnv;
pub(crate) mod json_read;
pub(crate) mod json_write;
pub(crate) mod number;
#[cfg(any(feature = "growingio", feature = "inlong"))]
pub(crate) mod packed;
#[cfg(any(
    feature = "inlong",
    all(feature = "growingio", not(all(feature = "js", not(feature = "wasm"), target_family = "wasm")))
))]
pub(crate) mod percent;
#[cfg(feature = "collector")]
pub(crate) mod protobuf_read;
// The npm package writes records from text alone.
#[cfg(all(feature = "growingio", not(all(feature = "js", not(feature = "wasm"), target_family = "wasm"))))]
pub(crate) mod protobuf_write;
#[cfg(all(
    any(feature = "growingio", feature = "inlong"),
    any(test, all(feature = "js", not(feature = "wasm"), target_family = "wasm"))
))]
pub(crate) mod snappy;
#[cfg(feature = "growingio")]
pub(crate) mod xor;
