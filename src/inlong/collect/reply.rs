//! Answers to packs.

use std::net::IpAddr;

use super::heartbeat::MAGIC;
use super::{Refused, codes};

/// What the answer to a pack is made of.
#[derive(Debug)]
pub struct Reply {
    pub(super) node: IpAddr,
    pub(super) form: Form,
    /// The request's attributes as they were sent; `None` when it was refused before they were read.
    pub(super) attributes: Option<String>,
    /// What the server puts in front of them when it takes the pack in.
    pub(super) added: String,
    pub(super) wish: Wish,
}

#[derive(Debug)]
pub(super) enum Form {
    Binary {
        uniq: u32,
    },
    Text {
        kind: u8,
        /// What type 4 gives back.
        body: Vec<u8>,
    },
}

/// Whether the sender gets an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Answer,
    /// `isAck=false`.
    None,
    /// `syncSend` or `proxySend` in a text frame, whose success this server never tells.
    OnlyErrors,
}

impl Reply {
    /// The answer that all of the pack was taken in, unless the sender wants none.
    pub fn accepted(&self) -> Option<Vec<u8>> {
        (self.wish == Wish::Answer).then(|| self.build(None, true))
    }

    /// The answer that it is refused.
    pub fn refused(&self, refused: &Refused) -> Option<Vec<u8>> {
        (self.wish != Wish::None).then(|| self.build(Some(refused), codes::is_late(refused.code)))
    }

    /// The answer that a code was planned for, with the text that the server gives with it.
    pub fn planned(&self, code: u32) -> Option<Vec<u8>> {
        self.refused(&Refused { code, message: codes::text(code).map(str::to_owned) })
    }

    fn build(&self, refused: Option<&Refused>, is_changed: bool) -> Vec<u8> {
        let mut text = format!("dpIp={}", self.node);
        if let Some(Refused { code, message }) = refused {
            text.push_str(&format!("&errCode={code}"));
            let rest = self.added.len() + self.attributes.as_ref().map_or(0, String::len);
            // The length of a binary answer's attributes has 16 bits.
            let has_room = |message: &&String| text.len() + message.len() + rest < 0xff00;
            if let Some(message) = message.as_ref().filter(has_room) {
                text.push_str("&errMsg=");
                text.push_str(message);
            }
        }
        let added = if is_changed { self.added.as_str() } else { "" };
        for part in [added, self.attributes.as_deref().unwrap_or_default()] {
            if !part.is_empty() {
                text.push('&');
                text.push_str(part);
            }
        }
        let mut out = Vec::with_capacity(32 + text.len());
        match &self.form {
            Form::Binary { uniq } => {
                out.extend_from_slice(&(9 + text.len() as u32).to_be_bytes());
                out.push(7);
                out.extend_from_slice(&uniq.to_be_bytes());
                out.extend_from_slice(&(text.len() as u16).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(&MAGIC.to_be_bytes());
            }
            Form::Text { kind, body } => {
                let body: &[u8] = if *kind == 4 { body } else { b"2" };
                out.extend_from_slice(&((9 + body.len() + text.len()) as u32).to_be_bytes());
                out.push(*kind);
                out.extend_from_slice(&(body.len() as u32).to_be_bytes());
                out.extend_from_slice(body);
                out.extend_from_slice(&(text.len() as u32).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
        out
    }
}
