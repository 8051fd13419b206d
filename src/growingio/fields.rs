//! The context fields an event may carry besides those that the tracker fills in.

/// A context field: its name in the neutral form and in protobuf, its name in JSON, its protobuf number and type.
pub(super) struct Field {
    /// Its name in the neutral form and in protobuf.
    pub(super) name: &'static str,
    pub(super) json: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    String,
    Int32,
    Int64,
    Double,
    Map,
}

const fn field(name: &'static str, json: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, json, number, kind }
}

/// Ascending by protobuf number. The retired and reserved numbers of the vendor's schema are left out.
pub(super) const FIELDS: [Field; 42] = [
    field("gio_id", "gioId", 3, Kind::String),
    field("session_id", "sessionId", 4, Kind::String),
    field("domain", "domain", 9, Kind::String),
    field("path", "path", 10, Kind::String),
    field("query", "query", 11, Kind::String),
    field("title", "title", 12, Kind::String),
    field("referral_page", "referralPage", 13, Kind::String),
    field("global_sequence_id", "globalSequenceId", 14, Kind::Int64),
    field("event_sequence_id", "eventSequenceId", 15, Kind::Int32),
    field("screen_height", "screenHeight", 16, Kind::Int32),
    field("screen_width", "screenWidth", 17, Kind::Int32),
    field("language", "language", 18, Kind::String),
    field("app_version", "appVersion", 20, Kind::String),
    field("extra_sdk", "extraSdk", 21, Kind::Map),
    field("page_show_timestamp", "pageShowTimestamp", 23, Kind::Int64),
    field("protocol_type", "protocolType", 26, Kind::String),
    field("text_value", "textValue", 27, Kind::String),
    field("xpath", "xpath", 28, Kind::String),
    field("index", "index", 29, Kind::Int32),
    field("hyperlink", "hyperlink", 30, Kind::String),
    field("url_scheme", "urlScheme", 31, Kind::String),
    field("app_state", "appState", 32, Kind::String),
    field("network_state", "networkState", 33, Kind::String),
    field("app_channel", "appChannel", 34, Kind::String),
    field("page_name", "pageName", 35, Kind::String),
    field("platform_version", "platformVersion", 36, Kind::String),
    field("device_brand", "deviceBrand", 37, Kind::String),
    field("device_model", "deviceModel", 38, Kind::String),
    field("device_type", "deviceType", 39, Kind::String),
    field("operating_system", "operatingSystem", 40, Kind::String),
    field("app_name", "appName", 42, Kind::String),
    field("latitude", "latitude", 44, Kind::Double),
    field("longitude", "longitude", 45, Kind::Double),
    field("imei", "imei", 46, Kind::String),
    field("android_id", "androidId", 47, Kind::String),
    field("oaid", "oaid", 48, Kind::String),
    field("google_advertising_id", "googleAdvertisingId", 49, Kind::String),
    field("idfa", "idfa", 50, Kind::String),
    field("idfv", "idfv", 51, Kind::String),
    field("orientation", "orientation", 52, Kind::String),
    field("xcontent", "xcontent", 56, Kind::String),
    field("timezone_offset", "timezoneOffset", 57, Kind::String),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
