//! What must be true of messages, kept without knowing the engine.

use std::collections::HashMap;

use trackwire::destination::{Cause, TransportError, TransportErrorKind};
use trackwire::engine::{Engine, Fate, Outcome, Stats, Tag, TransmitId};
use trackwire::inlong::{Answer, InLong};

use crate::network::Sent;
use crate::rules::{Checked, hold};
use crate::tally::{Seen, Tally};

/// A message that was accepted.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) is_poison: bool,
    /// Whether it was in a pack at which a connection was lost.
    pub(crate) is_suspect: bool,
    /// In packs of how many messages that happened how often.
    breaks: HashMap<usize, u32>,
    /// How often nodes took it.
    pub(crate) taken: u64,
    /// Whether the client has seen that.
    pub(crate) is_acked: bool,
    /// Whether it may have seen it: the answer came too late to be counted on.
    may_be_acked: bool,
    /// The codes that it was refused with.
    refused: Vec<u32>,
    accepted_at: u64,
    pub(crate) has_ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
    pub(crate) tally: Tally,
    told: Stats,
    duplicates: u64,
    /// How often an attempt was answered: by an error, by an answer.
    answers: HashMap<TransmitId, (u32, u32)>,
    /// The frame of each batch.
    frames: HashMap<u64, Vec<u8>>,
}

/// Codes from here on say nothing.
const UNKNOWN: u32 = 152;
/// How long a message may take in calm weather beyond the wait for its pack, ms.
pub(crate) const PROMPT: u64 = 3_000;

impl Model {
    pub(crate) fn accept(&mut self, is_poison: bool, at: u64) {
        self.told.accepted += 1;
        self.messages.push(Message { is_poison, accepted_at: at, ..Message::default() });
    }

    /// A frame is written.
    pub(crate) fn write(&mut self, sent: &Sent, bytes: &[u8], alone: bool) -> Checked {
        let Sent { id, messages, key, .. } = sent;
        let first = self.frames.entry(*key).or_insert_with(|| bytes.to_vec());
        hold!(Frame, first == bytes, "{id:?} is sent in other bytes than before");
        hold!(Frame, id.batch.0 == *key, "{id:?} says it is {key}");
        let suspects = messages.iter().filter(|&&number| self.messages[number as usize].is_suspect).count();
        hold!(
            Alone,
            suspects == if alone { messages.len() } else { 0 },
            "{suspects} of {messages:?} are suspect, and {id:?} travels alone: {alone}"
        );
        if alone {
            self.tally.saw(Seen::SentAlone);
        }
        for &number in messages {
            let message = &self.messages[number as usize];
            hold!(Duplicates, !message.is_acked, "{number} is sent again by {id:?}");
            hold!(Once, !message.has_ended, "{number} has ended and is sent by {id:?}");
            let breaks = message.breaks.get(&messages.len()).copied().unwrap_or(0);
            hold!(Poison, breaks < 3, "{number} travels for the fourth time with {messages:?}");
            if message.breaks.iter().any(|(&size, &times)| size > messages.len() && times == 3) {
                self.tally.saw(Seen::Halved);
            }
        }
        Ok(())
    }

    /// A connection was lost, and this was the first frame on it.
    pub(crate) fn blame(&mut self, sent: &Sent) {
        self.tally.saw(Seen::Suspect);
        for &number in &sent.messages {
            let message = &mut self.messages[number as usize];
            message.is_suspect = true;
            *message.breaks.entry(sent.messages.len()).or_default() += 1;
        }
    }

    /// A node took a pack.
    pub(crate) fn take(&mut self, messages: &[u32], stats: Stats) -> Checked {
        for &number in messages {
            let message = &mut self.messages[number as usize];
            message.taken += 1;
            self.duplicates += u64::from(message.taken > 1);
            if message.taken > 1 {
                self.tally.saw(Seen::Duplicate);
            }
        }
        hold!(
            Duplicates,
            self.duplicates <= stats.maybe_duplicated,
            "{} duplicates, {} said",
            self.duplicates,
            stats.maybe_duplicated
        );
        Ok(())
    }

    /// The client has the answer of a pack as a whole; `is_heard`: in time.
    pub(crate) fn acked(&mut self, messages: &[u32], code: u32, is_heard: bool) {
        // A batch that was halved, or of which a part has expired, is another since.
        let is_another = |&number: &u32| {
            let message = &self.messages[number as usize];
            message.has_ended || message.breaks.get(&messages.len()) == Some(&3)
        };
        let is_heard = is_heard && !messages.iter().any(is_another);
        for &number in messages {
            let message = &mut self.messages[number as usize];
            match code {
                0 | 120 => {
                    message.may_be_acked = true;
                    message.is_acked |= is_heard;
                }
                code => {
                    message.refused.push(code);
                    if is_heard {
                        // Whoever refuses it has read it.
                        message.is_suspect = false;
                        message.breaks.remove(&messages.len());
                    }
                }
            }
        }
    }

    /// The connections say what became of an attempt.
    pub(crate) fn answered(&mut self, id: TransmitId, answer: &Result<Answer, TransportError>) -> Checked {
        let (errors, answers) = self.answers.entry(id).or_default();
        match answer {
            Ok(_) => *answers += 1,
            Err(_) => *errors += 1,
        }
        let is_late = *errors == 1 && *answers == 1 && answer.is_ok();
        hold!(Once, *errors + *answers == 1 || is_late, "{id:?} was answered again: {answer:?}");
        match answer {
            Err(TransportError { kind: TransportErrorKind::Timeout, .. }) => self.tally.saw(Seen::TimedOut),
            Ok(_) if is_late => self.tally.saw(Seen::LateAck),
            _ => {}
        }
        Ok(())
    }

    /// The engine says what became of messages.
    pub(crate) fn hear(&mut self, outcome: &Outcome, plan: &crate::plan::Plan, at: u64) -> Checked {
        let Some(Tag::Number(number)) = outcome.tag else {
            hold!(Once, false, "{outcome:?} is of no message");
            return Ok(());
        };
        let message = &mut self.messages[number as usize];
        hold!(Once, !std::mem::replace(&mut message.has_ended, true), "{number} ends twice: {outcome:?}");
        let is_prompt = plan.calm && !message.is_suspect;
        let took = at - message.accepted_at;
        hold!(
            Prompt,
            !is_prompt || took <= plan.options.pack_timeout + PROMPT,
            "{number} took {took} ms in calm weather"
        );
        match &outcome.fate {
            Fate::Delivered => {
                self.tally.saw(Seen::Delivered);
                self.told.delivered += 1;
                hold!(Truth, message.may_be_acked, "{number} is delivered, and nobody said so");
                hold!(Truth, message.taken > 0, "{number} is delivered, and nobody has it");
            }
            Fate::Unconfirmed => {
                self.tally.saw(Seen::Unconfirmed);
                (self.told.delivered, self.told.unconfirmed) =
                    (self.told.delivered + 1, self.told.unconfirmed + 1);
                hold!(Truth, message.may_be_acked, "{number} was not even written");
                hold!(Truth, !plan.options.is_ack, "{number} is unconfirmed, and acks were asked for");
            }
            Fate::Rejected(cause) => {
                self.tally.saw(Seen::Rejected);
                self.told.rejected += 1;
                message.may_be_rejected(number, cause)?;
                if cause.code == 0 {
                    self.tally.saw(Seen::RejectedAsPoison);
                    hold!(Poison, outcome.possibly_delivered, "{number} may have arrived");
                }
            }
            Fate::Expired => {
                self.tally.saw(Seen::Expired);
                self.told.expired += 1;
                let max_age = plan.options.max_age;
                hold!(Truth, took >= max_age, "{number} expired after {took} of {max_age} ms");
            }
            fate => hold!(Truth, false, "{number} ended as {fate:?}"),
        }
        let message = &self.messages[number as usize];
        let may_be_there = outcome.possibly_delivered
            || matches!(outcome.fate, Fate::Delivered | Fate::Unconfirmed)
            || message.taken == 0;
        hold!(Truth, may_be_there, "{number} was taken and ends as {outcome:?}");
        Ok(())
    }

    /// The books are what was told, and what is left is pending.
    pub(crate) fn check_books(&self, engine: &Engine<InLong>) -> Checked {
        let stats = engine.stats();
        let ended = stats.delivered + stats.rejected + stats.expired + stats.dropped;
        hold!(Balance, stats.accepted == ended + stats.pending, "{stats:?}");
        hold!(Balance, stats.accepted == self.told.accepted, "{} accepted: {stats:?}", self.told.accepted);
        Ok(())
    }

    /// All outcomes were told.
    pub(crate) fn check_told(&self, stats: &Stats) -> Checked {
        let told = &self.told;
        hold!(
            Balance,
            (stats.delivered, stats.unconfirmed, stats.rejected, stats.expired, stats.dropped)
                == (told.delivered, told.unconfirmed, told.rejected, told.expired, 0),
            "told {told:?}, said {stats:?}"
        );
        Ok(())
    }

    pub(crate) fn not_ended(&self) -> Vec<usize> {
        (0..self.messages.len()).filter(|&number| !self.messages[number].has_ended).collect()
    }
}

impl Message {
    fn may_be_rejected(&self, number: u64, cause: &Cause) -> Checked {
        let times = self.refused.iter().filter(|&&code| code == cause.code).count();
        match cause.code {
            0 => {
                let breaks = self.breaks.get(&1).copied().unwrap_or(0);
                hold!(Poison, breaks == 3, "{number} was alone at {breaks} lost connections");
            }
            1..=3 | 114 | 116..=120 => hold!(Truth, false, "{number} is rejected with {}", cause.code),
            UNKNOWN.. => {
                let unknown = self.refused.iter().filter(|&&code| code >= UNKNOWN).count();
                hold!(
                    Truth,
                    times > 0 && unknown > 1,
                    "{number} was refused {unknown} times without a reason"
                );
            }
            code => hold!(Truth, times > 0, "{number} was not refused with {code}"),
        }
        Ok(())
    }
}
