//! The plan of faults: how the collector plays sick, so that a client's retries can be watched.

mod parse;

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::received::json;
pub use parse::PlanError;

/// The plan of faults of a running collector; clones share it. It applies to the systems' own paths, not to
/// preflights and not to the collector's interface.
#[derive(Debug, Clone)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    /// How often the plan was replaced or a rule used up.
    changes: watch::Sender<u64>,
}

/// One rule of the plan.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    system: Option<&'static str>,
    /// Which of a system's requests; without it, those that bring messages.
    on: Option<On>,
    /// Only what reaches this node, from 1 on.
    node: Option<usize>,
    /// The node is gone for as long as the rule is there.
    is_down: bool,
    action: Action,
    /// How often it still applies; without it, always.
    count: Option<u64>,
    /// Of the requests that reach it, how many it applies to; without it, all.
    share: Option<f64>,
    /// How many requests reached it.
    seen: u64,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Action {
    /// The status of the answer; unless it is 2xx nothing is accepted.
    pub(super) status: Option<u16>,
    /// The error code in the answer's body, as JSON text.
    pub(super) code: Option<String>,
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) delay: Duration,
    pub(super) drop: Option<Cut>,
    pub(super) ack: Option<Ack>,
    /// The load that a heartbeat is answered with.
    pub(super) load: Option<i16>,
}

/// A request that the plan is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) system: &'static str,
    pub(super) on: On,
    /// Where a frame came in; `None` for HTTP.
    pub(super) node: Option<usize>,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Messages,
    Heartbeats,
    Manager,
}

/// When a frame is answered that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ack {
    Never,
    /// Behind the next one.
    Swapped,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RetryAfter {
    Seconds(u64),
    /// An HTTP date, or digits, as they were given.
    Text(String),
}

/// When the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before the body is read: nothing is accepted.
    Before,
    /// After the records are accepted, instead of the answer.
    After,
    /// In the middle of the answer.
    Midway,
}

impl Default for Faults {
    fn default() -> Self {
        Self { rules: Arc::default(), changes: watch::Sender::new(0) }
    }
}

impl Faults {
    /// Replaces the plan: `{"faults":[{"status":503,"retry_after":1,"count":3}]}`. Of its rules the first that
    /// matches and has count left applies.
    ///
    /// # Errors
    /// When it is not a plan; the old one stays then.
    pub fn replace(&self, plan: &str) -> Result<(), PlanError> {
        let rules = parse::plan(plan)?;
        *self.lock() = rules;
        self.changes.send_modify(|changes| *changes += 1);
        Ok(())
    }

    /// What is left of the plan, in the form that [`replace`](Self::replace) takes. Rules that are used up are gone.
    pub fn left(&self) -> String {
        let rules = self.lock();
        let mut out = String::from("{\"faults\":[");
        for (at, rule) in rules.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            rule.write(&mut out);
        }
        out.push_str("]}");
        out
    }

    /// Whether something changed since, as a number that grows.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether a node is down.
    pub(super) fn is_down(&self, node: usize) -> bool {
        self.lock().iter().any(|rule| rule.is_down && rule.node.is_none_or(|down| down == node))
    }

    /// What happens to the next request.
    pub(super) fn decide(&self, asked: &Asked) -> Action {
        let mut rules = self.lock();
        let Some(at) = rules.iter_mut().position(|rule| rule.applies(asked)) else {
            return Action::default();
        };
        let action = rules[at].action.clone();
        if let Some(count) = &mut rules[at].count {
            *count -= 1;
            if *count == 0 {
                rules.remove(at);
            }
            self.changes.send_modify(|changes| *changes += 1);
        }
        action
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    /// A share is spread evenly and without chance: 0.25 applies to the fourth, the eighth and so on.
    fn applies(&mut self, asked: &Asked) -> bool {
        if !self.is_about(asked) || self.count == Some(0) {
            return false;
        }
        let Some(share) = self.share else { return true };
        let due = |seen: u64| (seen as f64 * share + 1e-9).floor();
        self.seen += 1;
        due(self.seen) > due(self.seen - 1)
    }

    fn is_about(&self, asked: &Asked) -> bool {
        let action = &self.action;
        // Frames have no status, and those that are heartbeats no code; HTTP has neither a node nor an order of answers.
        let is_possible = match asked.node {
            Some(_) => action.status.is_none() && (action.code.is_none() || asked.on == On::Messages),
            None => action.ack.is_none() && action.load.is_none() && action.drop != Some(Cut::Midway),
        };
        is_possible
            && !self.is_down
            && self.system.is_none_or(|system| system == asked.system)
            && self.on.unwrap_or(On::Messages) == asked.on
            && self.node.is_none_or(|node| asked.node == Some(node))
    }

    fn write(&self, out: &mut String) {
        let mut fields: Vec<(&str, String)> = Vec::new();
        let quoted = |text: &str| {
            let mut out = String::new();
            json::string(text, &mut out);
            out
        };
        let action = &self.action;
        fields.extend(self.system.map(|system| ("system", quoted(system))));
        fields.extend(self.on.map(|on| ("on", quoted(on.as_str()))));
        fields.extend(self.node.map(|node| ("node", node.to_string())));
        if self.is_down {
            fields.push(("down", "true".to_owned()));
        }
        fields.extend(action.status.map(|status| ("status", status.to_string())));
        fields.extend(action.code.clone().map(|code| ("code", code)));
        fields.extend(action.retry_after.as_ref().map(|after| {
            let value = match after {
                RetryAfter::Seconds(seconds) => seconds.to_string(),
                RetryAfter::Text(text) => quoted(text),
            };
            ("retry_after", value)
        }));
        if !action.delay.is_zero() {
            fields.push(("delay_ms", action.delay.as_millis().to_string()));
        }
        fields.extend(action.drop.map(|cut| ("drop", quoted(cut.as_str()))));
        fields.extend(action.ack.map(|ack| ("ack", quoted(ack.as_str()))));
        fields.extend(action.load.map(|load| ("load", load.to_string())));
        fields.extend(self.count.map(|count| ("count", count.to_string())));
        fields.extend(self.share.map(|share| ("share", share.to_string())));
        out.push('{');
        for (at, (name, value)) in fields.iter().enumerate() {
            let _ = write!(out, "{}\"{name}\":{value}", if at > 0 { "," } else { "" });
        }
        out.push('}');
    }
}

impl Action {
    /// Whether the request is refused without being looked at.
    pub(super) fn refuses(&self) -> bool {
        self.status.is_some_and(|status| !(200..300).contains(&status))
    }

    /// The code as a number, where it is one.
    pub(super) fn number(&self) -> Option<u32> {
        self.code.as_ref()?.parse().ok()
    }
}

impl RetryAfter {
    /// The value of the header.
    pub(super) fn header(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Cut {
    fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Midway => "midway",
        }
    }
}

impl Asked {
    /// A message by HTTP.
    pub(super) fn posted(system: &'static str) -> Self {
        Self { system, on: On::Messages, node: None }
    }

    /// A frame.
    pub(super) fn frame(system: &'static str, on: On, node: usize) -> Self {
        Self { system, on, node: Some(node) }
    }
}

impl On {
    const ALL: [Self; 3] = [Self::Messages, Self::Heartbeats, Self::Manager];

    fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Heartbeats => "heartbeats",
            Self::Manager => "manager",
        }
    }
}

impl Ack {
    const ALL: [Self; 2] = [Self::Never, Self::Swapped];

    fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Swapped => "swapped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(faults: &Faults, requests: usize) -> Vec<u16> {
        (0..requests).map(|_| faults.decide(&Asked::posted("growingio")).status.unwrap_or(204)).collect()
    }

    #[test]
    fn the_first_rule_with_count_left_applies() {
        let faults = Faults::default();
        faults.replace(r#"{"faults":[{"status":503,"count":2},{"status":429,"count":1}]}"#).unwrap();
        assert_eq!(statuses(&faults, 2), [503, 503]);
        assert_eq!(faults.left(), r#"{"faults":[{"status":429,"count":1}]}"#);
        assert_eq!(statuses(&faults, 2), [429, 204]);
        assert_eq!(faults.left(), r#"{"faults":[]}"#);
    }

    #[test]
    fn a_share_is_exact_and_the_rest_falls_through() {
        let faults = Faults::default();
        faults
            .replace(r#"{"faults":[{"status":503,"share":0.3},{"status":200,"share":1,"count":100}]}"#)
            .unwrap();
        let seen = statuses(&faults, 100);
        assert_eq!(seen.iter().filter(|status| **status == 503).count(), 30);
        assert_eq!(seen.iter().filter(|status| **status == 200).count(), 70);
    }

    #[test]
    fn a_plan_is_shown_as_it_was_given() {
        let faults = Faults::default();
        let plan = r#"{"faults":[{"system":"growingio","status":429,"code":"E\"1","retry_after":"Wed, 21 Oct 2015 07:28:00 GMT","delay_ms":5,"count":3,"share":0.5},{"drop":"after"},{"status":500,"code":7,"retry_after":0},{"delay_ms":1,"drop":"before"}]}"#;
        faults.replace(plan).unwrap();
        assert_eq!(faults.left(), plan);
        assert!(faults.replace("{").is_err());
        assert_eq!(faults.left(), plan);
    }
}
