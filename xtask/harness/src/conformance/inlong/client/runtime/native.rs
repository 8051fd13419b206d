//! The crate itself.

use std::sync::mpsc;
use std::time::Duration;

use trackwire::engine::Fate;
use trackwire::inlong::{self, Message};

use super::super::PATIENCE;
use super::super::options::{Settings, Timed};
use super::{Client, Ended, Flushed, Refused, Target};

pub(super) struct Native(inlong::Client);

impl Native {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let client = inlong::Client::builder(settings.options.clone()).build();
        client.map(Self).map_err(|error| error.to_string())
    }
}

impl Client for Native {
    fn send(&mut self, to: &Target, messages: &[Timed]) -> Result<Vec<Ended>, String> {
        let (sender, ended) = mpsc::channel();
        for (data, time) in messages {
            let message = Message::new(&*to.group, &*to.stream, &data[..]);
            let message = time.iter().fold(message, |message, time| message.time(*time));
            let added = to.attributes.iter();
            let message = added.fold(message, |message, (key, value)| message.attribute(key, value));
            let sender = sender.clone();
            let told = move |delivery: inlong::Delivery| drop(sender.send(delivery.fate));
            self.0
                .send_reported(&message, told)
                .map_err(|error| format!("a message was refused: {error}"))?;
        }
        drop(sender);
        self.flush(PATIENCE)?;
        Ok(messages.iter().map_while(|_| ended.recv_timeout(PATIENCE).ok()).map(Ended::from).collect())
    }

    fn offer(&mut self, group: &str, stream: &str, message: &str) -> Result<Result<(), Refused>, String> {
        let sent = self.0.send(group, stream, message);
        Ok(sent.map_err(|error| Refused { why: error.to_string(), code: Some(error.code()) }))
    }

    fn flush(&mut self, timeout: Duration) -> Result<Flushed, String> {
        let report = self.0.flush_blocking(timeout).map_err(|error| error.to_string())?;
        Ok(Flushed { delivered: report.delivered, pending: report.pending })
    }

    fn close(&mut self, timeout: Duration) -> Result<(), String> {
        self.0.close_blocking(timeout).map(drop).map_err(|error| error.to_string())
    }
}

impl From<Fate> for Ended {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Delivered => Self::Delivered,
            Fate::Unconfirmed => Self::Unconfirmed,
            Fate::Rejected(cause) => Self::Rejected(cause.code),
            other => Self::Otherwise(format!("{other:?}")),
        }
    }
}
