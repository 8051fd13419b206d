//! The npm package in Node: `xtask/js/conformance.mjs` makes the calls that it is told, one by one.

use std::time::Duration;

use super::super::calls::PATIENCE;
use super::super::vector::{Peer, Vector};
use super::{Client, neutral};
use crate::json::Json;
use crate::npm::Script;

/// A tracker in the script.
pub(super) struct Npm<'a>(&'a mut Script);

impl<'a> Npm<'a> {
    pub(super) fn new(script: &'a mut Script, vector: &Vector, url: &str) -> Result<Self, String> {
        let mut npm = Self(script);
        npm.ask("make", &options(vector, url)?)?
            .map_err(|why| format!("the tracker cannot be made: {why}"))?;
        Ok(npm)
    }

    /// Has one thing done; the inner error is what it raised.
    fn ask(&mut self, what: &str, with: &Json) -> Result<Result<(), String>, String> {
        self.0.say(&Json::Array(vec![Json::String(what.to_owned()), with.clone()]))?;
        let answer = self.0.hear()?.ok_or("the script ended")?;
        Ok(match answer.text_of("raised") {
            None => Ok(()),
            Some(why) => Err(why.to_owned()),
        })
    }

    fn wait(&mut self, what: &str) -> Result<(), String> {
        self.ask(what, &number(millis(PATIENCE)))?.map_err(|why| format!("{what}: {why}"))
    }
}

impl Client for Npm<'_> {
    fn set_clock(&mut self, at: u64) -> Result<(), String> {
        self.ask("clock", &number(at))?
    }

    fn record(&mut self, op: &str, args: &Json) -> Result<Result<(), String>, String> {
        self.ask("track", &Json::String(neutral::line(op, args)))
    }

    fn flush(&mut self) -> Result<(), String> {
        self.wait("flush")
    }

    fn close(&mut self) -> Result<(), String> {
        self.wait("close")
    }
}

fn options(vector: &Vector, url: &str) -> Result<Json, String> {
    let config = |key| vector.config(key).unwrap_or_default();
    let text = |text: &str| Json::String(text.to_owned());
    let or_null = |key| vector.config(key).map_or(Json::Null, text);
    let max_size = number(vector.config_number("max_size").unwrap_or(500));
    let consumer = match (vector.config("consumer"), vector.peer) {
        (None, Peer::Java) | (Some("buffered"), _) => {
            object([("type", text("buffered")), ("maxSize", max_size)])
        }
        (Some("async"), _) => {
            let after = Duration::from_secs(vector.config_number("flush_after").unwrap_or(10));
            object([("type", text("async")), ("maxSize", max_size), ("flushAfter", number(millis(after)))])
        }
        (other, _) => text(other.unwrap_or("default")),
    };
    let java = vector.peer == Peer::Java;
    Ok(object([
        ("productId", text(config("product_id"))),
        ("dataSourceId", text(config("data_source_id"))),
        ("serverHost", text(&(url.to_owned() + config("server_host_suffix")))),
        ("format", text(&vector.config("format").unwrap_or("json").replace('_', "-"))),
        ("consumer", consumer),
        ("platform", or_null("platform")),
        ("sdkVersion", or_null("sdk_version")),
        ("validate", Json::Bool(java)),
        ("retryLimit", number(if java { 3 } else { 0 })),
        ("onExhausted", text("drop")),
    ]))
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.map(|(key, value)| (key.to_owned(), value)).into())
}

fn number(number: u64) -> Json {
    Json::Number(number.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
