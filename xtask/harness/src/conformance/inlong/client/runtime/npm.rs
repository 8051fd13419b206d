//! The npm package in Node: `xtask/js/conformance-inlong.mjs` makes the calls that it is told, one by one.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::PATIENCE;
use super::super::options::{Settings, Timed};
use super::{Client, Ended, Flushed, Refused, Target};
use crate::json::Json;
use crate::npm::Script;

/// A client in the script.
pub(super) struct Npm<'a>(&'a mut Script);

impl<'a> Npm<'a> {
    pub(super) fn new(script: &'a mut Script, settings: &Settings) -> Result<Self, String> {
        let mut npm = Self(script);
        npm.done("make", settings.to_json()?)?;
        Ok(npm)
    }

    /// Has one thing done; what came of it, or what it raised.
    fn ask(&mut self, what: &str, with: Json) -> Result<Result<Json, Refused>, String> {
        self.0.say(&Json::Array(vec![text(what), with]))?;
        let answer = self.0.hear()?.ok_or("the script ended")?;
        let code = answer.get("sdkCode").and_then(Json::int).and_then(|code| i32::try_from(code).ok());
        Ok(match answer.text_of("raised") {
            None => Ok(answer.get("gave").cloned().unwrap_or(Json::Null)),
            Some(why) => Err(Refused { why: why.to_owned(), code }),
        })
    }

    /// The same where nothing may be raised.
    fn done(&mut self, what: &str, with: Json) -> Result<Json, String> {
        self.ask(what, with)?.map_err(|refused| format!("{what}: {}", refused.why))
    }
}

impl Client for Npm<'_> {
    fn send(&mut self, to: &Target, messages: &[Timed]) -> Result<Vec<Ended>, String> {
        let messages = messages.iter().map(|(data, time)| {
            let data = match std::str::from_utf8(data) {
                Ok(data) => ("text", text(data)),
                Err(_) => ("base64", text(&BASE64_STANDARD.encode(data))),
            };
            let time = time.map(|time| ("time", number(time)));
            object([data].into_iter().chain(time))
        });
        let attributes = to.attributes.iter().map(|(key, value)| (&**key, text(value)));
        let ends = self.done(
            "send",
            object([
                ("groupId", text(&to.group)),
                ("streamId", text(&to.stream)),
                ("attributes", object(attributes)),
                ("messages", Json::Array(messages.collect())),
                ("timeout", millis(PATIENCE)),
            ]),
        )?;
        Ok(ends.elements().iter().map(Ended::read).collect())
    }

    fn offer(&mut self, group: &str, stream: &str, message: &str) -> Result<Result<(), Refused>, String> {
        Ok(self.ask("offer", Json::Array([group, stream, message].map(text).into()))?.map(drop))
    }

    fn flush(&mut self, timeout: Duration) -> Result<Flushed, String> {
        let report = self.done("flush", millis(timeout))?;
        Ok(Flushed { delivered: report.count("delivered"), pending: report.count("pending") })
    }

    fn close(&mut self, timeout: Duration) -> Result<(), String> {
        self.done("close", millis(timeout)).map(drop)
    }
}

impl Ended {
    /// Reads an outcome.
    fn read(outcome: &Json) -> Self {
        let code = outcome.get("code").and_then(Json::int).and_then(|code| u32::try_from(code).ok());
        match (outcome.text_of("fate"), code) {
            (Some("delivered"), _) if outcome.get("unconfirmed") == Some(&Json::Bool(true)) => {
                Self::Unconfirmed
            }
            (Some("delivered"), _) => Self::Delivered,
            (Some("rejected"), Some(code)) => Self::Rejected(code),
            _ => Self::Otherwise(outcome.to_string()),
        }
    }
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

fn number(number: u64) -> Json {
    Json::Number(number.to_string())
}

fn millis(duration: Duration) -> Json {
    number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
