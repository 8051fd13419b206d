//! Reads a plan, strictly: a rule that is misspelt must not silently do nothing.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Ack, Action, Cut, On, RetryAfter, Rule};
use crate::collector::systems::{self, NAMES};

/// The most rules of a plan.
const MAX_RULES: usize = 100;

/// The longest delay, in ms: ten minutes.
const MAX_DELAY: u64 = 600_000;

/// What is wrong with a plan of faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanError {
    /// Where, e.g. `faults[0].status`; empty when the text is no JSON object.
    pub field: String,
    /// What is wrong and what may stand there.
    pub problem: String,
}

pub(super) fn plan(text: &str) -> Result<Vec<Rule>, PlanError> {
    let whole = |problem: String| PlanError { field: String::new(), problem };
    let plan: Value =
        serde_json::from_str(text).map_err(|error| whole(format!("the plan is not JSON: {error}")))?;
    let plan =
        plan.as_object().ok_or_else(|| whole("the plan is not an object like {\"faults\":[]}".into()))?;
    if let Some(other) = plan.keys().find(|key| *key != "faults") {
        return Err(wrong(other, "unknown, there is only `faults`"));
    }
    let list = plan
        .get("faults")
        .and_then(Value::as_array)
        .ok_or_else(|| wrong("faults", "must be an array of rules"))?;
    if list.len() > MAX_RULES {
        return Err(wrong("faults", format!("has more than {MAX_RULES} rules")));
    }
    list.iter().enumerate().map(|(at, rule)| self::rule(rule, at)).collect()
}

fn rule(value: &Value, at: usize) -> Result<Rule, PlanError> {
    let fields = value.as_object().ok_or_else(|| wrong(format!("faults[{at}]"), "must be an object"))?;
    let names = [
        "system",
        "on",
        "node",
        "down",
        "status",
        "code",
        "retry_after",
        "delay_ms",
        "drop",
        "ack",
        "load",
        "count",
        "share",
    ];
    if let Some(other) = fields.keys().find(|key| !names.contains(&key.as_str())) {
        return Err(wrong(
            format!("faults[{at}].{other}"),
            format!("unknown, there are {}", names.join(", ")),
        ));
    }
    let fields = Fields { at, fields };
    let count = fields.number("count", 1, u64::MAX)?;
    let rule = Rule {
        system: fields.system()?,
        on: fields.on()?,
        node: fields.number("node", 1, 1_000)?.map(|node| node as usize),
        is_down: fields.down()?,
        action: Action {
            status: fields.number("status", 200, 599)?.map(|status| status as u16),
            code: fields.code()?,
            retry_after: fields.retry_after()?,
            delay: Duration::from_millis(fields.number("delay_ms", 0, MAX_DELAY)?.unwrap_or(0)),
            drop: fields.drop()?,
            ack: fields.ack()?,
            load: fields.load()?,
        },
        count,
        share: fields.share()?,
        seen: 0,
    };
    let action = &rule.action;
    if action.drop.is_some() && action.status.is_some() {
        return Err(fields.wrong("status", "goes not with `drop`: a connection that is cut has no answer"));
    }
    let is_inlong = rule.system == Some("inlong");
    for name in ["on", "node", "down", "ack", "load"] {
        if !is_inlong && fields.get(name).is_some() {
            return Err(fields.wrong(name, "goes only with `\"system\":\"inlong\"`"));
        }
    }
    if !is_inlong && action.drop == Some(Cut::Midway) {
        return Err(fields.wrong("drop", "can be \"midway\" only with `\"system\":\"inlong\"`"));
    }
    if is_inlong && rule.on != Some(On::Manager) && action.code.is_some() {
        let is_code = action.number().is_some_and(|code| (1..=i32::MAX as u32).contains(&code));
        if !is_code {
            return Err(fields.wrong("code", "must be a number from 1 to 2147483647, as InLong's codes are"));
        }
    }
    for name in ["code", "retry_after"] {
        let is_alone = action.status.is_none() && (name != "code" || !is_inlong);
        if is_alone && fields.get(name).is_some() {
            return Err(fields.wrong(name, "needs a `status` to go with"));
        }
    }
    if rule.on == Some(On::Heartbeats) && rule.node.is_some() && action.code.is_some() {
        return Err(fields.wrong("code", "goes not with heartbeats of a node: their answers have none"));
    }
    if action.load.is_some() && rule.on != Some(On::Heartbeats) {
        return Err(fields.wrong("load", "goes only with `\"on\":\"heartbeats\"`"));
    }
    if rule.node.is_some() && (action.status.is_some() || rule.on == Some(On::Manager)) {
        return Err(fields
            .wrong("node", "is where frames come in: it goes neither with `status` nor with the manager"));
    }
    if rule.is_down {
        let others = names.iter().filter(|name| !["system", "node", "down"].contains(name));
        if let Some(other) = others.into_iter().find(|name| fields.get(name).is_some()) {
            return Err(fields.wrong(other, "goes not with `down`: a node that is gone does nothing else"));
        }
        return Ok(rule);
    }
    let does_something = action.status.is_some()
        || action.code.is_some()
        || action.drop.is_some()
        || action.ack.is_some()
        || action.load.is_some()
        || !action.delay.is_zero();
    if !does_something {
        let more = if is_inlong { ", `code`, `ack`, `load` or `down`" } else { "" };
        return Err(wrong(
            format!("faults[{at}]"),
            format!("does nothing: give `status`, `drop` or `delay_ms`{more}"),
        ));
    }
    Ok(rule)
}

/// The fields of one rule. What is null is absent.
struct Fields<'a> {
    at: usize,
    fields: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, problem: impl Into<String>) -> PlanError {
        wrong(format!("faults[{}].{name}", self.at), problem)
    }

    fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, PlanError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64().filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(Some(number)),
            None if max == u64::MAX => Err(self.wrong(name, format!("must be a whole number from {min} on"))),
            None => Err(self.wrong(name, format!("must be a whole number from {min} to {max}"))),
        }
    }

    fn system(&self) -> Result<Option<&'static str>, PlanError> {
        let Some(value) = self.get("system") else { return Ok(None) };
        let system = value.as_str().and_then(systems::named);
        system.map(Some).ok_or_else(|| {
            let known = NAMES.join(", ");
            self.wrong(
                "system",
                format!("must be a system that this collector plays ({known}), or absent for all"),
            )
        })
    }

    fn on(&self) -> Result<Option<On>, PlanError> {
        let Some(value) = self.get("on") else { return Ok(None) };
        let found = On::ALL.into_iter().find(|on| value.as_str() == Some(on.as_str()));
        found.map(Some).ok_or_else(|| self.wrong("on", "must be \"messages\", \"heartbeats\" or \"manager\""))
    }

    fn ack(&self) -> Result<Option<Ack>, PlanError> {
        let Some(value) = self.get("ack") else { return Ok(None) };
        let found = Ack::ALL.into_iter().find(|ack| value.as_str() == Some(ack.as_str()));
        found.map(Some).ok_or_else(|| self.wrong("ack", "must be \"never\" or \"swapped\""))
    }

    fn down(&self) -> Result<bool, PlanError> {
        match self.get("down") {
            None => Ok(false),
            Some(Value::Bool(true)) => Ok(true),
            Some(_) => Err(self.wrong("down", "must be true; take the rule away to bring the node up")),
        }
    }

    fn load(&self) -> Result<Option<i16>, PlanError> {
        let Some(value) = self.get("load") else { return Ok(None) };
        let load = value.as_i64().and_then(|load| i16::try_from(load).ok());
        load.map(Some).ok_or_else(|| self.wrong("load", "must be a whole number from -32768 to 32767"))
    }

    fn code(&self) -> Result<Option<String>, PlanError> {
        match self.get("code") {
            None => Ok(None),
            Some(code @ (Value::String(_) | Value::Number(_))) => Ok(Some(code.to_string())),
            Some(_) => Err(self.wrong("code", "must be a string or a number")),
        }
    }

    fn retry_after(&self) -> Result<Option<RetryAfter>, PlanError> {
        let wrong = || self.wrong("retry_after", "must be a whole number of seconds or an HTTP date");
        match self.get("retry_after") {
            None => Ok(None),
            Some(Value::Number(number)) => {
                number.as_u64().map(|n| Some(RetryAfter::Seconds(n))).ok_or_else(wrong)
            }
            Some(Value::String(text)) => {
                let is_digits =
                    !text.is_empty() && text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit());
                let is_valid = is_digits || httpdate::parse_http_date(text).is_ok();
                if is_valid { Ok(Some(RetryAfter::Text(text.clone()))) } else { Err(wrong()) }
            }
            Some(_) => Err(wrong()),
        }
    }

    fn drop(&self) -> Result<Option<Cut>, PlanError> {
        match self.get("drop").map(Value::as_str) {
            None => Ok(None),
            Some(Some("before")) => Ok(Some(Cut::Before)),
            Some(Some("after")) => Ok(Some(Cut::After)),
            Some(Some("midway")) => Ok(Some(Cut::Midway)),
            Some(_) => Err(self.wrong("drop", "must be \"before\", \"midway\" or \"after\"")),
        }
    }

    fn share(&self) -> Result<Option<f64>, PlanError> {
        let Some(value) = self.get("share") else { return Ok(None) };
        let share = value.as_f64().filter(|share| (0.0..=1.0).contains(share));
        share.map(Some).ok_or_else(|| self.wrong("share", "must be a number from 0 to 1"))
    }
}

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> PlanError {
    PlanError { field: field.into(), problem: problem.into() }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

impl std::error::Error for PlanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_their_field() {
        for (text, field) in [
            ("[]", ""),
            ("nonsense", ""),
            (r#"{"rules":[]}"#, "rules"),
            (r#"{"faults":{}}"#, "faults"),
            (r#"{"faults":[3]}"#, "faults[0]"),
            (r#"{"faults":[{}]}"#, "faults[0]"),
            (r#"{"faults":[{"status":503},{"statsu":503}]}"#, "faults[1].statsu"),
            (r#"{"faults":[{"status":199}]}"#, "faults[0].status"),
            (r#"{"faults":[{"status":600}]}"#, "faults[0].status"),
            (r#"{"faults":[{"status":"503"}]}"#, "faults[0].status"),
            (r#"{"faults":[{"status":503,"system":"none"}]}"#, "faults[0].system"),
            (r#"{"faults":[{"status":503,"retry_after":"soon"}]}"#, "faults[0].retry_after"),
            (r#"{"faults":[{"status":503,"retry_after":1.5}]}"#, "faults[0].retry_after"),
            (r#"{"faults":[{"retry_after":1}]}"#, "faults[0].retry_after"),
            (r#"{"faults":[{"drop":"after","code":1}]}"#, "faults[0].code"),
            (r#"{"faults":[{"status":503,"code":[]}]}"#, "faults[0].code"),
            (r#"{"faults":[{"delay_ms":600001}]}"#, "faults[0].delay_ms"),
            (r#"{"faults":[{"drop":"during"}]}"#, "faults[0].drop"),
            (r#"{"faults":[{"drop":"after","status":503}]}"#, "faults[0].status"),
            (r#"{"faults":[{"status":503,"count":0}]}"#, "faults[0].count"),
            (r#"{"faults":[{"status":503,"count":-1}]}"#, "faults[0].count"),
            (r#"{"faults":[{"status":503,"share":1.1}]}"#, "faults[0].share"),
        ] {
            assert_eq!(plan(text).unwrap_err().field, field, "{text}");
        }
        for (rule, field) in [
            (r#""on":"manager","status":503"#, "on"),
            (r#""system":"growingio","ack":"never""#, "ack"),
            (r#""node":1,"drop":"after""#, "node"),
            (r#""down":true"#, "down"),
            (r#""drop":"midway""#, "drop"),
            (r#""system":"inlong","on":"acks","code":1"#, "on"),
            (r#""system":"inlong","ack":"late""#, "ack"),
            (r#""system":"inlong","code":0"#, "code"),
            (r#""system":"inlong","code":"busy""#, "code"),
            (r#""system":"inlong","retry_after":1"#, "retry_after"),
            (r#""system":"inlong","load":5"#, "load"),
            (r#""system":"inlong","on":"heartbeats","load":40000"#, "load"),
            (r#""system":"inlong","node":0,"code":1"#, "node"),
            (r#""system":"inlong","node":1,"status":503"#, "node"),
            (r#""system":"inlong","node":1,"on":"manager","drop":"after""#, "node"),
            (r#""system":"inlong","down":false"#, "down"),
            (r#""system":"inlong","down":true,"count":1"#, "count"),
        ] {
            let error = plan(&format!("{{\"faults\":[{{{rule}}}]}}")).unwrap_err();
            assert_eq!(error.field, format!("faults[0].{field}"), "{rule}");
        }
        let nothing = plan(r#"{"faults":[{"system":"inlong","node":1,"on":"messages"}]}"#).unwrap_err();
        assert!(nothing.field == "faults[0]" && nothing.problem.contains("`down`"), "{nothing}");
        assert_eq!(plan(r#"{"faults":[{"status":503,"count":null,"share":0}]}"#).unwrap().len(), 1);
    }
}
