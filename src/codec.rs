//! Bytes in, bytes out: the encodings the systems are made of.

pub(crate) mod json_read;
