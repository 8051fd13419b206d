//! The messages' fields by number.

use super::Val;

pub(super) struct Message {
    pub(super) name: &'static str,
    /// In ascending order of their numbers.
    pub(super) fields: &'static [Field],
    /// The map that holds the attributes.
    pub(super) map: &'static str,
}

pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Type,
}

#[derive(Clone, Copy)]
pub(super) enum Type {
    Str,
    Int32,
    Int64,
    Double,
    /// From string to string.
    Map,
    Message(&'static Message),
}

/// The event types by number; the JSON form writes these names.
pub(in super::super) const EVENT_TYPES: [&str; 12] = [
    "VISIT",
    "CUSTOM",
    "VISITOR_ATTRIBUTES",
    "LOGIN_USER_ATTRIBUTES",
    "CONVERSION_VARIABLES",
    "APP_CLOSED",
    "PAGE",
    "PAGE_ATTRIBUTES",
    "VIEW_CLICK",
    "VIEW_CHANGE",
    "FORM_SUBMIT",
    "ACTIVATE",
];

pub(super) static EVENT: Message = Message {
    name: "EventV3Dto",
    map: "attributes",
    fields: &[
        string(1, "device_id"),
        string(2, "user_id"),
        string(3, "gio_id"),
        string(4, "session_id"),
        string(5, "data_source_id"),
        field(6, "event_type", Type::Int32),
        string(7, "platform"),
        field(8, "timestamp", Type::Int64),
        string(9, "domain"),
        string(10, "path"),
        string(11, "query"),
        string(12, "title"),
        string(13, "referral_page"),
        field(14, "global_sequence_id", Type::Int64),
        field(15, "event_sequence_id", Type::Int32),
        field(16, "screen_height", Type::Int32),
        field(17, "screen_width", Type::Int32),
        string(18, "language"),
        string(19, "sdk_version"),
        string(20, "app_version"),
        field(21, "extra_sdk", Type::Map),
        string(22, "event_name"),
        field(23, "page_show_timestamp", Type::Int64),
        field(24, "attributes", Type::Map),
        field(25, "resource_item", Type::Message(&RESOURCE_ITEM)),
        string(26, "protocol_type"),
        string(27, "text_value"),
        string(28, "xpath"),
        field(29, "index", Type::Int32),
        string(30, "hyperlink"),
        string(31, "url_scheme"),
        string(32, "app_state"),
        string(33, "network_state"),
        string(34, "app_channel"),
        string(35, "page_name"),
        string(36, "platform_version"),
        string(37, "device_brand"),
        string(38, "device_model"),
        string(39, "device_type"),
        string(40, "operating_system"),
        string(42, "app_name"),
        field(44, "latitude", Type::Double),
        field(45, "longitude", Type::Double),
        string(46, "imei"),
        string(47, "android_id"),
        string(48, "oaid"),
        string(49, "google_advertising_id"),
        string(50, "idfa"),
        string(51, "idfv"),
        string(52, "orientation"),
        string(53, "project_key"),
        field(54, "send_time", Type::Int64),
        string(55, "user_key"),
        string(56, "xcontent"),
        string(57, "timezone_offset"),
    ],
};

pub(super) static RESOURCE_ITEM: Message = Message {
    name: "ResourceItem",
    map: "attributes",
    fields: &[string(1, "id"), string(2, "key"), field(3, "attributes", Type::Map)],
};

pub(super) static ITEM: Message = Message {
    name: "ItemDto",
    map: "attributes",
    fields: &[
        string(1, "id"),
        string(2, "key"),
        field(3, "attributes", Type::Map),
        string(4, "data_source_id"),
        string(5, "project_key"),
    ],
};

pub(super) static MAPPING: Message = Message {
    name: "UserMappingDto",
    map: "identifies",
    fields: &[
        string(1, "project_key"),
        field(2, "send_time", Type::Int64),
        field(3, "identifies", Type::Map),
        string(4, "data_source_id"),
    ],
};

impl Message {
    /// The value of the field with this name.
    pub(super) fn slot<'s, 'a>(&self, slots: &'s [Option<Val<'a>>], name: &str) -> Option<&'s Val<'a>> {
        slots.get(self.fields.iter().position(|field| field.name == name)?)?.as_ref()
    }
}

const fn string(number: u32, name: &'static str) -> Field {
    field(number, name, Type::Str)
}

const fn field(number: u32, name: &'static str, kind: Type) -> Field {
    Field { number, name, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        for message in [&EVENT, &RESOURCE_ITEM, &ITEM, &MAPPING] {
            assert!(message.fields.is_sorted_by(|a, b| a.number < b.number), "{}", message.name);
            assert!(message.fields.iter().any(|field| field.name == message.map), "{}", message.name);
        }
    }
}
