//! Keeps the node lists of groups: when to ask the Manager, what to do with its answers, what to keep for the next start.
//!
//! A Manager that is down delays and never loses: the last good list holds, and where there is none yet it is asked again
//! soon.

mod cache;

use std::fmt;
use std::sync::Arc;

use super::check;
use super::codes::SendError;
use super::manager::{NodeList, NodeListCall};
use super::options::Options;
use crate::destination::{Now, TransportError};
use crate::engine::{RetryPolicy, splitmix};
use crate::http::{Call, Request, Response};

/// Attempts of a refresh, as many as the vendor's C++ client makes.
const ATTEMPTS: u32 = 4;
/// The longest wait for a group's first list, and between the refreshes that a Manager without answers is tried with, ms.
const IMPATIENT: u64 = 10_000;
/// Requests under way at once.
const AT_ONCE: usize = 4;
/// How much later than its time-out a request is given up that nobody has told the end of, ms.
const GRACE: u64 = 1_000;

/// The node lists of groups, and when to ask for them.
///
/// The driver calls [`poll`](Self::poll) until it says `None`, carries the requests, hands every answer to
/// [`answered`](Self::answered), takes the [`event`](Self::event)s after each of both, and comes back at
/// [`next_wake`](Self::next_wake).
///
/// A refresh is up to four attempts, the later ones after 0 to 50, 500 to 625 and 1,000 to 1,250 ms, and only where there was
/// no answer, one with another status than 200, or an empty one. A refresh that fails leaves the last list in place. The next
/// is due after the interval; without a list from the Manager after 1 to 2 s, then up to twice as long each time, but at most
/// 10 s while there is no list at all. A Manager that does not answer is asked for one group at a time.
#[derive(Debug)]
pub struct Discovery {
    /// Whether the Manager is asked: the nodes are not given.
    asks: bool,
    /// Of no group; `None` also in the npm package's module, whose shell asks by itself.
    call: Option<NodeListCall>,
    fixed: Option<Arc<NodeList>>,
    /// Between refreshes, ms.
    interval: u64,
    timeout: u64,
    max_groups: usize,
    seed: u64,
    groups: Vec<Group>,
    /// Lists of the cache file for groups that nobody has named yet.
    cached: Vec<(String, Arc<NodeList>)>,
    /// Refreshes in a row that got no answer from the Manager, those at the same time counted once.
    silent: u32,
    /// When a silent Manager is asked again.
    not_before: u64,
}

/// A request to carry.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// The group whose nodes are asked for.
    pub group: String,
    /// The request.
    pub request: Request,
    /// How long it may take, ms.
    pub timeout_ms: u64,
}

/// What an application or a log may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryEvent {
    /// A group has other nodes than before. What [`Discovery::cache_text`] gives has changed with it.
    Changed {
        /// The group.
        group: String,
        /// All its nodes.
        list: Arc<NodeList>,
    },
    /// A refresh has failed; the last list, if there is one, stays.
    Failed {
        /// The group.
        group: String,
        /// Why.
        problem: String,
        /// When it is tried again, ms from then.
        wait_ms: u64,
        /// Whether the group has no nodes, so that its messages wait.
        without_nodes: bool,
    },
}

/// Why there is no list.
#[derive(Debug)]
pub(crate) struct Failure {
    /// In words.
    pub(crate) problem: String,
    /// How long the Manager asks to wait, ms.
    pub(crate) asked: Option<u64>,
    /// Whether asking again at once may help.
    pub(crate) passing: bool,
}

#[derive(Debug)]
struct Group {
    name: String,
    list: Option<Arc<NodeList>>,
    /// Whether the list is the Manager's own and not that of the cache file.
    fresh: bool,
    /// Attempts of this refresh.
    attempts: u32,
    /// Refreshes in a row that failed.
    failures: u32,
    state: State,
    asked: u64,
    changed: bool,
    failed: Option<(String, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be asked for then.
    Due(u64),
    /// A request is under way, and given up then.
    Asking(u64),
}

impl Discovery {
    /// Keeps the lists of the options' groups. `seed` makes the jitter. The options must have passed
    /// [`Options::check`].
    pub fn new(options: &Options, seed: u64) -> Self {
        let (asks, fixed) = (options.asks_manager(), !options.nodes.is_empty());
        let mut discovery = Self {
            asks,
            call: (asks && !crate::NPM).then(|| NodeListCall::new(options, "")),
            fixed: fixed.then(|| Arc::new(NodeList::fixed(&options.nodes))),
            interval: options.manager_update_interval.saturating_mul(60_000),
            timeout: options.manager_url_timeout.saturating_mul(1_000),
            max_groups: options.max_groups(),
            seed,
            groups: Vec::new(),
            cached: Vec::new(),
            silent: 0,
            not_before: 0,
        };
        for group in &options.inlong_group_ids {
            // One too many is told when it is sent to.
            discovery.keep(group);
        }
        discovery
    }

    /// Keeps the list of this group too. Without effect on one that is known.
    pub fn add_group(&mut self, group: &str) -> Result<(), SendError> {
        if self.find(group).is_some() {
            return Ok(());
        }
        check::group_id(group)?;
        match self.keep(group) {
            true => Ok(()),
            false => Err(SendError::TooManyGroups { limit: self.max_groups }),
        }
    }

    /// The same, of a group whose name was checked; `false` for one too many.
    pub(crate) fn keep(&mut self, group: &str) -> bool {
        if self.find(group).is_some() {
            return true;
        }
        if self.groups.len() >= self.max_groups {
            return false;
        }
        let cached = self.cached.iter().position(|(name, _)| name == group);
        let list = match cached {
            Some(at) => Some(self.cached.swap_remove(at).1),
            None => self.fixed.clone(),
        };
        self.groups.push(Group {
            name: group.into(),
            changed: list.is_some(),
            list,
            fresh: false,
            attempts: 0,
            failures: 0,
            state: State::Due(0),
            asked: 0,
            failed: None,
        });
        true
    }

    /// The nodes of a group, as far as they are known.
    pub fn nodes(&self, group: &str) -> Option<&NodeList> {
        self.groups.iter().find(|known| known.name == group)?.list.as_deref()
    }

    /// The next request to carry, if one is due.
    pub fn poll(&mut self, now: Now) -> Option<Ask> {
        let group = self.due(now)?.to_owned();
        let call = self.call.as_mut()?;
        call.group.clone_from(&group);
        Some(Ask { group, request: call.request(now), timeout_ms: self.timeout })
    }

    /// Whether there is a group that was never asked for.
    #[cfg(all(feature = "js", not(feature = "js-page"), not(feature = "wasm"), target_family = "wasm"))]
    pub(crate) fn has_new(&self) -> bool {
        self.groups.iter().any(|group| group.list.is_none() && group.attempts == 0 && group.failures == 0)
    }

    /// The group that is to be asked for now, if there is one; it counts as asked.
    pub(crate) fn due(&mut self, now: Now) -> Option<&str> {
        self.give_up(now);
        let (ready, at) = self.next()?;
        if ready > now.mono {
            return None;
        }
        let group = &mut self.groups[at];
        group.attempts += 1;
        group.asked = now.mono;
        group.state = State::Asking(now.mono.saturating_add(self.timeout).saturating_add(GRACE));
        Some(&group.name)
    }

    /// What became of a request.
    pub fn answered(&mut self, group: &str, answer: Result<Response, TransportError>, now: Now) {
        let Some(call) = &self.call else { return };
        let found = match answer {
            Ok(response) => call.parse(&response).map_err(|error| Failure {
                problem: error.to_string(),
                asked: response.retry_after_ms(now.wall),
                passing: error.is_passing(),
            }),
            Err(error) => Err(Failure {
                problem: format!("the Manager was not reached: {error}"),
                asked: None,
                passing: true,
            }),
        };
        self.found(group, found, now);
    }

    /// The same, of an answer that was read elsewhere.
    pub(crate) fn found(&mut self, group: &str, found: Result<NodeList, Failure>, now: Now) {
        let Some(at) = self.find(group) else { return };
        match found {
            Ok(list) => self.take(at, list, now),
            Err(failure) => {
                if !failure.passing {
                    self.silent = 0;
                }
                // What comes after it was given up can still be good, but is no failure any more.
                if matches!(self.groups[at].state, State::Asking(_)) {
                    self.fail(at, failure, now);
                }
            }
        }
    }

    /// Says that the nodes of a group are no use, for one, because none of them can be reached: the next refresh is then
    /// due sooner, 10 s after the last at the earliest.
    pub fn doubt(&mut self, group: &str) {
        if let Some(at) = self.find(group) {
            let group = &mut self.groups[at];
            if let (State::Due(due), 0) = (group.state, group.attempts) {
                group.state = State::Due(due.min(group.asked.saturating_add(IMPATIENT)));
            }
        }
    }

    /// What has happened since it was last asked for; `None` when that is all.
    pub fn event(&mut self) -> Option<DiscoveryEvent> {
        let group = self.groups.iter_mut().find(|group| group.changed || group.failed.is_some())?;
        if let (true, Some(list)) = (std::mem::take(&mut group.changed), &group.list) {
            return Some(DiscoveryEvent::Changed { group: group.name.clone(), list: list.clone() });
        }
        let (problem, wait_ms) = group.failed.take()?;
        Some(DiscoveryEvent::Failed {
            group: group.name.clone(),
            problem,
            wait_ms,
            without_nodes: group.list.is_none(),
        })
    }

    /// When [`poll`](Self::poll) has something to do without new input, by the clock that never goes back; `None` for
    /// never.
    pub fn next_wake(&self) -> Option<u64> {
        let mut wake = self.next().map_or(u64::MAX, |(ready, _)| ready);
        for group in &self.groups {
            if let State::Asking(until) = group.state {
                wake = wake.min(until);
            }
        }
        (wake < u64::MAX).then_some(wake)
    }

    fn find(&self, group: &str) -> Option<usize> {
        self.groups.iter().position(|known| known.name == group)
    }

    /// When which group may next be asked for as things are; `None` while others must end first.
    fn next(&self) -> Option<(u64, usize)> {
        let (mut asking, mut between) = (0, false);
        for group in &self.groups {
            asking += usize::from(matches!(group.state, State::Asking(_)));
            between |= group.attempts > 0;
        }
        let silent = self.silent > 0;
        if !self.asks || asking >= if silent { 1 } else { AT_ONCE } {
            return None;
        }
        let mut first = None;
        for (at, group) in self.groups.iter().enumerate() {
            let State::Due(due) = group.state else { continue };
            let ready = match group.attempts {
                // A silent Manager hears of one group at a time.
                0 if silent && between => continue,
                0 if silent => due.max(self.not_before),
                _ => due,
            };
            // Of those that wait for the same moment, the one that waits longest.
            if first.is_none_or(|(other, _)| (ready, due) < other) {
                first = Some(((ready, due), at));
            }
        }
        first.map(|((ready, _), at)| (ready, at))
    }

    /// Gives up requests that nobody tells the end of.
    fn give_up(&mut self, now: Now) {
        for at in 0..self.groups.len() {
            if matches!(self.groups[at].state, State::Asking(until) if until <= now.mono) {
                let problem = "the Manager did not answer in time".into();
                self.fail(at, Failure { problem, asked: None, passing: true }, now);
            }
        }
    }

    fn take(&mut self, at: usize, list: NodeList, now: Now) {
        self.silent = 0;
        let wait = self.interval.saturating_add(self.jitter(at, now));
        let group = &mut self.groups[at];
        group.changed |= group.list.as_deref() != Some(&list);
        group.list = Some(Arc::new(list));
        group.fresh = true;
        group.failed = None;
        (group.attempts, group.failures) = (0, 0);
        group.state = State::Due(now.mono.saturating_add(wait));
    }

    fn fail(&mut self, at: usize, Failure { problem, asked, passing }: Failure, now: Now) {
        let asked = asked.map(|ms| ms.min(self.interval));
        let attempts = self.groups[at].attempts;
        if passing && asked.is_none() && attempts < ATTEMPTS {
            let wait = self.backoff(attempts, u64::MAX, at, now);
            self.groups[at].state = State::Due(now.mono.saturating_add(wait));
            return;
        }
        let impatient = IMPATIENT.min(self.interval);
        let failures = self.groups[at].failures.saturating_add(1);
        let step = (ATTEMPTS - 1).saturating_add(failures);
        let wait = match &self.groups[at] {
            Group { fresh: true, .. } => self.interval.saturating_add(self.jitter(at, now)),
            Group { list: Some(_), .. } => self.backoff(step, self.interval, at, now),
            Group { list: None, .. } => self.backoff(step, impatient, at, now),
        };
        let wait = wait.max(asked.unwrap_or(0));
        let group = &mut self.groups[at];
        group.failures = failures;
        group.attempts = 0;
        group.state = State::Due(now.mono.saturating_add(wait));
        group.failed = Some((problem, wait));
        if passing && (self.silent == 0 || now.mono >= self.not_before) {
            self.silent = self.silent.saturating_add(1);
            let wait = self.backoff((ATTEMPTS - 1).saturating_add(self.silent), impatient, at, now);
            self.not_before = now.mono.saturating_add(wait.max(asked.unwrap_or(0)));
        }
    }

    /// The engine's schedule: quick waits up to the third failure, then from 1 to 2 s on up to `most`.
    fn backoff(&self, failures: u32, most: u64, at: usize, now: Now) -> u64 {
        let policy = RetryPolicy { retry_limit: ATTEMPTS - 1, max_backoff: most, ..RetryPolicy::default() };
        policy.backoff(failures, self.draw(at, now))
    }

    /// Up to a twelfth of the interval, so that clients that start together do not stay together.
    fn jitter(&self, at: usize, now: Now) -> u64 {
        self.draw(at, now) % (self.interval / 12).max(1)
    }

    fn draw(&self, at: usize, now: Now) -> u64 {
        splitmix(self.seed ^ splitmix(now.mono ^ (at as u64) << 48))
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("group", &self.group).field("url", &self.request.url).finish()
    }
}

#[cfg(test)]
mod tests;
