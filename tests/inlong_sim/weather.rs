//! What nodes, the network and the Manager do wrong for a while.

use crate::rng::Rng;

/// Of each fault: in how many of a thousand cases it happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// Connections are closed and refused.
    pub(crate) is_down: bool,
    /// Nothing is answered, not even to a connection that is to be made.
    pub(crate) is_black_hole: bool,
    /// The longest time on the way, ms.
    pub(crate) latency: u64,
    /// What is sent comes in single bytes.
    pub(crate) one_byte: u64,
    /// The connection breaks within what the client sends.
    pub(crate) cut_frame: u64,
    /// The connection breaks within an answer.
    pub(crate) cut_answer: u64,
    /// Of what breaks: nobody is told.
    pub(crate) silent: u64,
    /// The longest time that an ack takes, ms; each takes its own.
    pub(crate) ack_takes: u64,
    pub(crate) ack_never: u64,
    /// Taken, and the connection is closed without an answer.
    pub(crate) closes: u64,
    pub(crate) beat_unanswered: u64,
    /// Something that is no answer.
    pub(crate) garbage: u64,
    /// A length that no answer has.
    pub(crate) huge: u64,
    /// Refused with this code.
    pub(crate) refuses: Option<(u64, u32)>,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) fn fair() -> Self {
        Self { latency: 20, ack_takes: 5, ..Self::default() }
    }

    pub(crate) fn any(rng: &mut Rng) -> Self {
        let mut weather =
            Self { latency: rng.pick(&[1, 20, 400]), ack_takes: rng.pick(&[1, 300]), ..Self::fair() };
        weather.one_byte = rng.pick(&[0, 0, 500]);
        weather.silent = rng.pick(&[0, 500]);
        let often = rng.pick(&[30, 300, 1_000]);
        match rng.below(18) {
            0..=3 => {}
            4 => weather.is_down = true,
            5 => weather.is_black_hole = true,
            6 => weather.cut_frame = often,
            7 => weather.cut_answer = often,
            8 => weather.ack_takes = rng.pick(&[2_000, 30_000]),
            9 => weather.ack_never = often,
            10 => weather.closes = often,
            11 => weather.beat_unanswered = often,
            12 => weather.garbage = often,
            13 => weather.huge = often,
            14 | 15 => weather.refuses = Some((often, rng.pick(&[1, 2, 3, 114, 116, 119]))),
            16 => weather.refuses = Some((often, 120)),
            _ => weather.refuses = Some((often.min(300), rng.pick(&[115, 104, 9_999, i32::MAX as u32]))),
        }
        weather
    }

    /// Nodes that come and go, and nothing else. One that is down may not even refuse.
    pub(crate) fn calm(is_down: bool, rng: &mut Rng) -> Self {
        Self { is_down, is_black_hole: is_down && rng.in_1000(500), ..Self::fair() }
    }
}
