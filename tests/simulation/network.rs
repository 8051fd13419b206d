//! What becomes of requests on their way: the weather at each endpoint, and what the server takes and answers.

use std::collections::BTreeMap;

use trackwire::destination::{TransportError, TransportErrorKind};
use trackwire::engine::{SealedJob, TransmitId};

use crate::plan::Plan;
use crate::rng::Rng;
use crate::system::{Endpoint, Response, RetryAfter, System};
use crate::tally::{Seen, Tally};

pub(crate) type Answer = Result<Response, TransportError>;

/// Something that happens at a time of its own.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The server takes these events.
    Taken(Vec<u32>),
    Answer(TransmitId, Answer),
    Sealed(SealedJob<System>),
    WeatherTurns(Endpoint),
    Act,
}

/// What is going to happen, by time.
#[derive(Debug, Default)]
pub(crate) struct Future {
    queue: BTreeMap<(u64, u64), Happening>,
    next: u64,
}

impl Future {
    pub(crate) fn add(&mut self, at: u64, happening: Happening) {
        self.queue.insert((at, self.next), happening);
        self.next += 1;
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        Some(self.queue.first_key_value()?.0.0)
    }

    pub(crate) fn take_due(&mut self, now: u64) -> Option<Happening> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// A crash: nobody is there to hear answers or to bring sealed batches.
    pub(crate) fn forget_answers(&mut self) {
        self.queue.retain(|_, what| !matches!(what, Happening::Answer(..) | Happening::Sealed(_)));
    }

    pub(crate) fn forget_actions(&mut self) {
        self.queue.retain(|_, what| !matches!(what, Happening::Act | Happening::WeatherTurns(_)));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Everything happens.
    Mixed,
    Refusing,
    Busy,
    Failing,
    Gateway,
    Silent,
    Unreachable,
    Cutting,
    Partial,
    Late,
}

/// What a request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Take,
    TakeOpaque,
    Refuse,
    TooLarge,
    Busy,
    Fail,
    GatewayTaken,
    GatewayNotTaken,
    TimeOut,
    NeverAnswered,
    Late,
    LateArrival,
    ResetBefore,
    ResetAfter,
    NoConnection,
    Parts,
}

impl Weather {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        use Weather::*;
        let kinds = [
            (6, Fair),
            (4, Mixed),
            (1, Refusing),
            (1, Busy),
            (2, Failing),
            (1, Gateway),
            (1, Silent),
            (1, Unreachable),
            (1, Cutting),
            (2, Partial),
            (2, Late),
        ];
        rng.weighed(&kinds)
    }

    fn fate(self, rng: &mut Rng) -> Fate {
        let others = [
            (8, Fate::Take),
            (1, Fate::TakeOpaque),
            (1, Fate::Refuse),
            (1, Fate::TooLarge),
            (2, Fate::Busy),
            (2, Fate::Fail),
            (1, Fate::GatewayTaken),
            (1, Fate::GatewayNotTaken),
            (2, Fate::TimeOut),
            (2, Fate::NeverAnswered),
            (2, Fate::Late),
            (1, Fate::LateArrival),
            (1, Fate::ResetBefore),
            (1, Fate::ResetAfter),
            (1, Fate::NoConnection),
            (2, Fate::Parts),
        ];
        let usual = match self {
            Self::Fair => return Fate::Take,
            Self::Mixed => return rng.weighed(&others),
            Self::Refusing => Fate::Refuse,
            Self::Busy => Fate::Busy,
            Self::Failing => Fate::Fail,
            Self::Gateway => rng.pick(&[Fate::GatewayTaken, Fate::GatewayNotTaken]),
            Self::Silent => rng.pick(&[Fate::TimeOut, Fate::NeverAnswered]),
            Self::Unreachable => return Fate::NoConnection,
            Self::Cutting => rng.pick(&[Fate::ResetAfter, Fate::ResetBefore]),
            Self::Partial => Fate::Parts,
            Self::Late => rng.pick(&[Fate::Late, Fate::LateArrival]),
        };
        if rng.in_1000(100) { rng.weighed(&others) } else { usual }
    }
}

/// A request as the network sees it.
pub(crate) struct Sent<'a> {
    pub(crate) id: TransmitId,
    pub(crate) at: u64,
    /// The wall clock then.
    pub(crate) wall: u64,
    pub(crate) weather: Weather,
    pub(crate) body: usize,
    pub(crate) events: &'a [u32],
    pub(crate) poisoned: bool,
}

impl Future {
    /// Decides what becomes of a request.
    pub(crate) fn send(&mut self, sent: &Sent<'_>, plan: &Plan, rng: &mut Rng, tally: &mut Tally) {
        let there = sent.at + rng.within(1, 100);
        let back = there + rng.within(0, 100);
        // After the driver's own deadline, and after the engine's patience.
        let deadline = sent.at + plan.limits.request_timeout;
        let late = deadline + 500 + rng.magnitude(120_000);
        let all = sent.events.to_vec();
        let fate = match sent.weather.fate(rng) {
            // What never reaches the server cannot be judged by it.
            fate @ (Fate::NoConnection | Fate::ResetBefore) => fate,
            _ if sent.poisoned && sent.id.batch.0.is_multiple_of(4) => Fate::TimeOut,
            _ if sent.poisoned => Fate::Fail,
            _ if sent.body > plan.max_body => Fate::TooLarge,
            fate => fate,
        };
        let error = |kind| Err(TransportError::new(kind, "lost"));
        let (taken, answer) = match fate {
            Fate::Take => {
                tally.saw(Seen::Answer2xx);
                (Some(there), Some((back, Ok(Response::Taken))))
            }
            Fate::TakeOpaque => {
                tally.saw(Seen::AnswerOpaque);
                (rng.in_1000(700).then_some(there), Some((back, Ok(Response::Opaque))))
            }
            Fate::Refuse => {
                tally.saw(Seen::Answer4xx);
                let code = rng.pick(&[400, 401, 403, 404]);
                (None, Some((back, Ok(Response::Refused(code)))))
            }
            Fate::TooLarge => {
                tally.saw(Seen::Answer413);
                (None, Some((back, Ok(Response::TooLarge))))
            }
            Fate::Busy => {
                let after = retry_after(sent.wall, rng);
                tally.saw(match after {
                    None => Seen::Answer429Plain,
                    Some(RetryAfter::Millis(_)) => Seen::Answer429Millis,
                    Some(RetryAfter::Date(_)) => Seen::Answer429Date,
                });
                (None, Some((back, Ok(Response::Failed { code: 429, after, gateway: false }))))
            }
            Fate::Fail => {
                tally.saw(Seen::Answer5xx);
                let asks = !plan.calm && rng.in_1000(100);
                let after = if asks { retry_after(sent.wall, rng) } else { None };
                (None, Some((back, Ok(Response::Failed { code: 503, after, gateway: false }))))
            }
            Fate::GatewayTaken | Fate::GatewayNotTaken => {
                tally.saw(Seen::AnswerGateway);
                let taken = (fate == Fate::GatewayTaken).then_some(there);
                (taken, Some((back, Ok(Response::Failed { code: 504, after: None, gateway: true }))))
            }
            Fate::TimeOut => {
                tally.saw(Seen::TimeoutReported);
                let taken = rng.in_1000(500) && !sent.poisoned;
                if taken {
                    tally.saw(Seen::TimeoutTaken);
                }
                (taken.then_some(there), Some((deadline, error(TransportErrorKind::Timeout))))
            }
            Fate::NeverAnswered => (rng.in_1000(500).then_some(there), None),
            Fate::Late => {
                let answer = self.late_answer(sent, rng);
                let taken = matches!(answer, Response::Taken);
                (taken.then_some(there), Some((late, Ok(answer))))
            }
            // The request itself is what is late: the client has long given up.
            Fate::LateArrival => {
                tally.saw(Seen::LateArrival);
                let answer =
                    if rng.in_1000(500) { Ok(Response::Taken) } else { error(TransportErrorKind::Aborted) };
                let (taken, answered) = match answer {
                    Ok(_) => (late, late + 10),
                    Err(_) => (late, deadline),
                };
                (Some(taken), Some((answered, answer)))
            }
            Fate::ResetBefore => {
                tally.saw(Seen::ResetBefore);
                (None, Some((there, error(TransportErrorKind::Reset))))
            }
            Fate::ResetAfter => {
                tally.saw(Seen::ResetAfter);
                (Some(there), Some((back, error(TransportErrorKind::Reset))))
            }
            Fate::NoConnection => {
                tally.saw(Seen::ConnectFailed);
                (None, Some((there, error(TransportErrorKind::Connect))))
            }
            Fate::Parts => {
                tally.saw(Seen::AnswerParts);
                let (response, taken) = parts(sent, rng);
                self.add(there, Happening::Taken(taken));
                (None, Some((back, Ok(response))))
            }
        };
        if let Some(at) = taken {
            self.add(at, Happening::Taken(all));
        }
        if let Some((at, answer)) = answer {
            if rng.in_1000(20) {
                tally.saw(Seen::AnsweredTwice);
                self.add(at + rng.below(5_000), Happening::Answer(sent.id, answer.clone()));
            }
            self.add(at, Happening::Answer(sent.id, answer));
        }
    }

    fn late_answer(&self, sent: &Sent<'_>, rng: &mut Rng) -> Response {
        match rng.below(6) {
            0 => Response::Failed { code: 503, after: None, gateway: false },
            1 => Response::Failed { code: 429, after: retry_after(sent.wall, rng), gateway: false },
            2 => Response::Refused(400),
            _ => Response::Taken,
        }
    }
}

fn retry_after(wall: u64, rng: &mut Rng) -> Option<RetryAfter> {
    let ms = rng.magnitude(7_200_000);
    match rng.below(3) {
        0 => None,
        1 => Some(RetryAfter::Millis(ms)),
        // An HTTP date has whole seconds, and may lie in the past.
        _ => Some(RetryAfter::Date((wall + ms).saturating_sub(3_000) / 1_000 * 1_000)),
    }
}

/// Each event by a verdict of its own, and those that are taken.
fn parts(sent: &Sent<'_>, rng: &mut Rng) -> (Response, Vec<u32>) {
    let (mut retry, mut refused, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let refusing = rng.pick(&[0, 100, 500]);
    let retrying = rng.pick(&[0, 100, 500]);
    for (place, &id) in sent.events.iter().enumerate() {
        if rng.in_1000(refusing) {
            // A code of its own for every event tells whose verdict it was.
            refused.push((place as u32, 1_000 + id));
        } else if rng.in_1000(retrying) {
            retry.push(place as u32);
        } else {
            taken.push(id);
        }
    }
    let after = if rng.in_1000(200) { retry_after(sent.wall, rng) } else { None };
    (Response::Parts { retry, refused, after }, taken)
}
