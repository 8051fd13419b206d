//! Records as JSON objects.

use super::text;
use crate::codec::json_write::write_string;
use crate::codec::number::write_int;
use crate::growingio::fields::Field;
use crate::growingio::options::Options;
use crate::{Attribute, Event, Invalid, Item, Mapping, Track, UserAttributes};

/// Writes records; holds the parts that are the same in each.
#[derive(Debug)]
pub(in crate::growingio) struct JsonRecords {
    track: Vec<u8>,
    user: Vec<u8>,
    /// `"dataSourceId":"…","projectKey":"…"}`
    end: Vec<u8>,
}

impl JsonRecords {
    pub(super) fn new(options: &Options) -> Self {
        let start = |kind: &str| {
            let mut out = ["{\"eventType\":\"", kind, "\""].concat().into_bytes();
            if let Some(version) = &options.sdk_version {
                out.extend_from_slice(b",\"sdkVersion\":");
                write_string(&mut out, version);
            }
            if let Some(platform) = &options.platform {
                out.extend_from_slice(b",\"platform\":");
                write_string(&mut out, platform);
            }
            out.extend_from_slice(b",\"timestamp\":");
            out
        };
        let mut end = b"\"dataSourceId\":".to_vec();
        write_string(&mut end, &options.data_source_id);
        end.extend_from_slice(b",\"projectKey\":");
        write_string(&mut end, &options.product_id);
        end.push(b'}');
        Self { track: start("CUSTOM"), user: start("LOGIN_USER_ATTRIBUTES"), end }
    }

    /// Appends one record. `called_at` is the wall clock at the call, ms.
    pub(super) fn write(&self, event: &Event<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        match event {
            Event::Track(event) => self.track(event, called_at, out),
            Event::User(event) => self.user(event, called_at, out),
            Event::Item(event) => self.item(event, out),
            Event::Mapping(event) => {
                self.mapping(event, out);
                Ok(())
            }
        }
    }

    fn track(&self, event: &Track<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        out.extend_from_slice(&self.track);
        write_int(out, event.time.unwrap_or(called_at));
        member(out, b",\"eventName\":", &event.name);
        ids(out, &event.anonymous, &event.user_key, &event.user);
        attributes(out, &event.attributes)?;
        if let Some(item) = &event.resource_item {
            member(out, b",\"resourceItem\":{\"id\":", &item.id);
            member(out, b",\"key\":", &item.key);
            attributes(out, &item.attributes)?;
            out.push(b'}');
        }
        for (name, value) in &event.fields {
            Field::named(name)?.write_json(out, value)?;
        }
        self.finish(out, event.time);
        Ok(())
    }

    fn user(&self, event: &UserAttributes<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        out.extend_from_slice(&self.user);
        write_int(out, event.time.unwrap_or(called_at));
        ids(out, &event.anonymous, &event.user_key, &event.user);
        attributes(out, &event.attributes)?;
        self.finish(out, event.time);
        Ok(())
    }

    fn item(&self, event: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Invalid> {
        member(out, b"{\"key\":", &event.key);
        member(out, b",\"id\":", &event.id);
        match &event.attributes {
            // Given but empty is sent, as the vendor's client does.
            Some(given) if given.is_empty() => out.extend_from_slice(b",\"attributes\":{}"),
            Some(given) => attributes(out, given)?,
            None => {}
        }
        self.finish(out, None);
        Ok(())
    }

    fn mapping(&self, event: &Mapping<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"identifies\":{");
        for (place, (key, id)) in event.identities.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_string(out, key);
            out.push(b':');
            write_string(out, id);
        }
        out.push(b'}');
        self.finish(out, event.time);
    }

    fn finish(&self, out: &mut Vec<u8>, send_time: Option<i64>) {
        if let Some(time) = send_time {
            out.extend_from_slice(b",\"sendTime\":");
            write_int(out, time);
        }
        out.push(b',');
        out.extend_from_slice(&self.end);
    }
}

fn ids(
    out: &mut Vec<u8>,
    anonymous: &Option<std::borrow::Cow<'_, str>>,
    user_key: &Option<std::borrow::Cow<'_, str>>,
    user: &Option<std::borrow::Cow<'_, str>>,
) {
    for (start, id) in [
        (b",\"deviceId\":".as_slice(), anonymous),
        (b",\"userKey\":".as_slice(), user_key),
        (b",\"userId\":".as_slice(), user),
    ] {
        if let Some(id) = id {
            member(out, start, id);
        }
    }
}

fn attributes(out: &mut Vec<u8>, attributes: &[Attribute<'_>]) -> Result<(), Invalid> {
    if attributes.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(b",\"attributes\":{");
    for (place, (key, value)) in attributes.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        text::write_json(out, key, value)?;
    }
    out.push(b'}');
    Ok(())
}

fn member(out: &mut Vec<u8>, start: &[u8], value: &str) {
    out.extend_from_slice(start);
    write_string(out, value);
}
