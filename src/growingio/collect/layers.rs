//! XOR and snappy: what the sender did to the serialised body, undone in reverse.

use std::borrow::Cow;

use super::MAX_PLAIN;
use crate::received::{Incoming, Refusal, unsnap};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layers {
    snappy: bool,
    /// The one byte that every byte was XORed with.
    xor: Option<u8>,
}

impl Layers {
    /// Reads the codec headers. The XOR key is the low byte of the sender's clock: `stm` of the query, and
    /// where that is no number, `X-Timestamp`.
    pub(super) fn of(incoming: &Incoming<'_>) -> Result<Self, Refusal> {
        let snappy = match incoming.header("x-compress-codec") {
            None | Some("0") => false,
            Some("2") => true,
            Some(code) => {
                return Err(Refusal::bad_request(format!(
                    "X-Compress-Codec {code:?}: only 0 (none) and 2 (snappy) are understood"
                )));
            }
        };
        let xor = match incoming.header("x-crypt-codec") {
            None | Some("0") => None,
            Some("1") => {
                let clocks = [incoming.parameter("stm"), incoming.header("x-timestamp")];
                Some(clocks.into_iter().flatten().find_map(key).ok_or_else(|| {
                    Refusal::bad_request(
                        "X-Crypt-Codec 1, but neither stm in the query nor X-Timestamp is a number: there is no key",
                    )
                })?)
            }
            Some(code) => {
                return Err(Refusal::bad_request(format!(
                    "X-Crypt-Codec {code:?}: only 0 (none) and 1 (XOR) are understood"
                )));
            }
        };
        Ok(Self { snappy, xor })
    }

    /// Their names in the order in which the sender applied them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let snappy = self.snappy.then_some("snappy");
        snappy.into_iter().chain(self.xor.map(|_| "xor")).collect()
    }

    pub(super) fn undo<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
        let body = match self.xor {
            Some(key) if key != 0 => Cow::Owned(body.iter().map(|byte| byte ^ key).collect()),
            _ => Cow::Borrowed(body),
        };
        if self.snappy { unsnap(&body, MAX_PLAIN).map(Cow::Owned) } else { Ok(body) }
    }
}

fn key(clock: &str) -> Option<u8> {
    clock.parse::<i128>().ok().map(|clock| (clock & 0xff) as u8)
}
