//! A shop's clickstream as events: each row is a track event, and a user's attributes are sent when they first appear
//! and when they change.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use trackwire::{Event, Track, UserAttributes};

use crate::json::Json;

/// The columns that describe the user.
const OF_USER: [&str; 3] = ["acquisition_channel", "user_cohort", "user_lifecycle"];

/// One event.
pub(super) struct Sample {
    /// The name of a track event; none for user attributes.
    pub(super) name: Option<String>,
    pub(super) user: String,
    /// ms since the Unix epoch.
    pub(super) time: i64,
    pub(super) attributes: Vec<(String, String)>,
}

impl Sample {
    /// As the crate takes it.
    pub(super) fn event(&self) -> Event<'_> {
        match &self.name {
            Some(name) => self
                .attributes
                .iter()
                .fold(Track::new(name).user(&self.user).time(self.time), |event, (key, value)| {
                    event.attribute(key, value)
                })
                .into(),
            None => self
                .attributes
                .iter()
                .fold(UserAttributes::new(&self.user).time(self.time), |event, (key, value)| {
                    event.attribute(key, value)
                })
                .into(),
        }
    }

    /// The event in the neutral form.
    pub(super) fn line(&self) -> String {
        let text = |text: &str| Json::String(text.to_owned());
        let attributes = self.attributes.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        let named = self.name.as_deref().map(|name| ("track", text(name)));
        let members = [
            ("user", text(&self.user)),
            ("time", Json::Number(self.time.to_string())),
            ("attributes", Json::Object(attributes)),
        ];
        let members = named.into_iter().chain(members).map(|(key, value)| (key.to_owned(), value));
        Json::Object(members.collect()).to_string()
    }

    /// What must arrive, as the collector's records are compared.
    pub(super) fn content(&self) -> String {
        let text = |text: &str| Json::String(text.to_owned());
        let attributes = self.attributes.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        let members = [
            ("kind", text(if self.name.is_some() { "track" } else { "user" })),
            ("name", self.name.as_deref().map_or(Json::Null, text)),
            ("user", text(&self.user)),
            ("time", Json::Number(self.time.to_string())),
            ("attributes", Json::Object(attributes)),
        ];
        Json::Object(members.map(|(key, value)| (key.to_owned(), value)).into()).sorted().to_string()
    }
}

/// Reads a file, gzipped or plain.
pub(super) fn read(path: &Path) -> Result<Vec<Sample>, String> {
    parse(&text(path)?).map_err(|why| format!("{}: {why}", path.display()))
}

/// What a file holds, gzipped or plain.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let name = path.display();
    let mut bytes = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut plain)
            .map_err(|error| format!("{name}: {error}"))?;
        bytes = plain;
    }
    String::from_utf8(bytes).map_err(|error| format!("{name}: {error}"))
}

/// Turns the rows into events, in their order.
pub(super) fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        header.iter().position(|column| *column == name).ok_or_else(|| format!("there is no column `{name}`"))
    };
    let (user, event, timestamp) = (column("user_id")?, column("event")?, column("timestamp")?);
    let mut known: HashMap<&str, Vec<(String, String)>> = HashMap::new();
    let mut samples = Vec::new();
    for (number, line) in lines.enumerate() {
        let row: Vec<&str> = line.split(',').collect();
        if row.len() != header.len() || line.contains('"') {
            return Err(format!("line {}: expected {} columns without quotes", number + 2, header.len()));
        }
        let time = millis(row[timestamp]).ok_or_else(|| {
            format!("line {}: `{}` is not a time like 2024-03-13 10:21:14", number + 2, row[timestamp])
        })?;
        let attributes = |wanted: &dyn Fn(usize) -> bool| -> Vec<(String, String)> {
            let columns = (0..row.len()).filter(|column| wanted(*column));
            columns.map(|column| (header[column].to_owned(), row[column].to_owned())).collect()
        };
        let of_user = attributes(&|column| OF_USER.contains(&header[column]));
        if !of_user.is_empty() && known.get(row[user]) != Some(&of_user) {
            known.insert(row[user], of_user.clone());
            samples.push(Sample { name: None, user: row[user].to_owned(), time, attributes: of_user });
        }
        samples.push(Sample {
            name: Some(row[event].to_owned()),
            user: row[user].to_owned(),
            time,
            attributes: attributes(&|column| ![user, event, timestamp].contains(&column)),
        });
    }
    Ok(samples)
}

/// `2024-03-13 10:21:14`, taken as UTC, in ms since the Unix epoch.
fn millis(text: &str) -> Option<i64> {
    let numbers: Vec<i64> =
        text.split(['-', ' ', ':']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else { return None };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since the epoch, with years that begin in March so that the leap day comes last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let days =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

#[cfg(test)]
mod tests {
    use super::{millis, parse};

    #[test]
    fn times_are_read() {
        assert_eq!(millis("1970-01-01 00:00:00"), Some(0));
        assert_eq!(millis("2024-03-13 10:21:14"), Some(1_710_325_274_000));
        assert_eq!(millis("2024-02-29 23:59:59"), Some(1_709_251_199_000));
        assert_eq!(millis("2024-13-01 00:00:00"), None);
        assert_eq!(millis("yesterday"), None);
    }

    #[test]
    fn attributes_of_a_user_are_sent_when_they_change() -> Result<(), String> {
        let rows = "user_id,event,timestamp,user_lifecycle\n\
                    u,a,2024-01-01 00:00:00,new\nu,b,2024-01-01 00:00:01,new\nu,c,2024-01-02 00:00:00,loyal\n";
        let names: Vec<_> = parse(rows)?.into_iter().map(|sample| sample.name).collect();
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(names, [None, name("a"), name("b"), None, name("c")]);
        assert!(parse("user_id,event\nu,a").is_err());
        Ok(())
    }
}
