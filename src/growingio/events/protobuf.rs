//! Records as protobuf messages, each already framed as an element of its list message, so that a batch is their
//! concatenation.

use super::text;
use crate::codec::protobuf_write::{bytes, int, nested, string};
use crate::growingio::fields::Field;
use crate::growingio::options::Options;
use crate::{Attribute, Event, Invalid, Item, Mapping, Track, UserAttributes, Value};

/// `EventV3List.values` and `UserMappingDtoList.values`.
const VALUES: u32 = 1;
/// `ItemDtoList.values` has another number than the other lists.
const ITEM_VALUES: u32 = 2;
const CUSTOM: i64 = 1;
const LOGIN_USER_ATTRIBUTES: i64 = 3;

/// Writes records.
#[derive(Debug)]
pub(in crate::growingio) struct ProtobufRecords {
    project: String,
    data_source: String,
    platform: String,
    sdk_version: String,
}

impl ProtobufRecords {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            project: options.product_id.clone(),
            data_source: options.data_source_id.clone(),
            platform: options.platform.clone().unwrap_or_default(),
            sdk_version: options.sdk_version.clone().unwrap_or_default(),
        }
    }

    /// Appends one record. `called_at` is the wall clock at the call, ms.
    pub(super) fn write(&self, event: &Event<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        match event {
            Event::Track(event) => nested(out, VALUES, |out| self.track(event, called_at, out)),
            Event::User(event) => nested(out, VALUES, |out| self.user(event, called_at, out)),
            Event::Item(event) => nested(out, ITEM_VALUES, |out| self.item(event, out)),
            Event::Mapping(event) => nested(out, VALUES, |out| self.mapping(event, out)),
        }
    }

    fn track(&self, event: &Track<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        let mut fields = Vec::with_capacity(event.fields.len());
        for (name, value) in &event.fields {
            let field = Field::named(name)?;
            let place = fields.iter().take_while(|(other, _): &&(&Field, _)| other.number <= field.number);
            fields.insert(place.count(), (field, value));
        }
        let mut fields = Fields(&fields);
        string(out, 1, event.anonymous.as_deref().unwrap_or_default());
        string(out, 2, event.user.as_deref().unwrap_or_default());
        fields.write_below(out, 5)?;
        string(out, 5, &self.data_source);
        int(out, 6, CUSTOM);
        string(out, 7, &self.platform);
        int(out, 8, event.time.unwrap_or(called_at));
        fields.write_below(out, 19)?;
        string(out, 19, &self.sdk_version);
        fields.write_below(out, 22)?;
        string(out, 22, &event.name);
        fields.write_below(out, 24)?;
        attributes(out, 24, &event.attributes)?;
        if let Some(item) = &event.resource_item {
            nested(out, 25, |out| {
                string(out, 1, &item.id);
                string(out, 2, &item.key);
                attributes(out, 3, &item.attributes)
            })?;
        }
        fields.write_below(out, 53)?;
        string(out, 53, &self.project);
        int(out, 54, event.time.unwrap_or_default());
        string(out, 55, event.user_key.as_deref().unwrap_or_default());
        fields.write_below(out, u32::MAX)
    }

    fn user(&self, event: &UserAttributes<'_>, called_at: i64, out: &mut Vec<u8>) -> Result<(), Invalid> {
        string(out, 1, event.anonymous.as_deref().unwrap_or_default());
        string(out, 2, event.user.as_deref().unwrap_or_default());
        string(out, 5, &self.data_source);
        int(out, 6, LOGIN_USER_ATTRIBUTES);
        string(out, 7, &self.platform);
        int(out, 8, event.time.unwrap_or(called_at));
        string(out, 19, &self.sdk_version);
        attributes(out, 24, &event.attributes)?;
        string(out, 53, &self.project);
        int(out, 54, event.time.unwrap_or_default());
        string(out, 55, event.user_key.as_deref().unwrap_or_default());
        Ok(())
    }

    fn item(&self, event: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Invalid> {
        string(out, 1, &event.id);
        string(out, 2, &event.key);
        attributes(out, 3, event.attributes.as_deref().unwrap_or_default())?;
        string(out, 4, &self.data_source);
        string(out, 5, &self.project);
        Ok(())
    }

    fn mapping(&self, event: &Mapping<'_>, out: &mut Vec<u8>) -> Result<(), Invalid> {
        string(out, 1, &self.project);
        int(out, 2, event.time.unwrap_or_default());
        for (key, id) in &event.identities {
            nested(out, 3, |out| {
                bytes(out, 1, key.as_bytes());
                bytes(out, 2, id.as_bytes());
                Ok(())
            })?;
        }
        string(out, 4, &self.data_source);
        Ok(())
    }
}

/// Context fields not written yet, ascending.
struct Fields<'f>(&'f [(&'static Field, &'f Value<'f>)]);

impl Fields<'_> {
    fn write_below(&mut self, out: &mut Vec<u8>, number: u32) -> Result<(), Invalid> {
        while let Some(((field, value), rest)) = self.0.split_first() {
            if field.number >= number {
                break;
            }
            field.write_protobuf(out, value)?;
            self.0 = rest;
        }
        Ok(())
    }
}

/// Map entries carry key and value even when they are empty, as the vendor's clients write them.
fn attributes(out: &mut Vec<u8>, field: u32, attributes: &[Attribute<'_>]) -> Result<(), Invalid> {
    for (key, value) in attributes.iter().filter(|(_, value)| text::has_text(value)) {
        nested(out, field, |out| {
            bytes(out, 1, key.as_bytes());
            nested(out, 2, |out| text::write_text(out, key, value))
        })?;
    }
    Ok(())
}
