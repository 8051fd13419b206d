//! A case's call as a line of the neutral JSON form.

use super::super::decode::is_event_field;
use crate::json::Json;

/// What the events of each kind have in common, by the case's name and ours.
const WHO: [(&str, &str); 4] = [
    ("login_user_id", "user"),
    ("login_user_key", "user_key"),
    ("anonymous_id", "anonymous"),
    ("event_time", "time"),
];

/// The line. What the call leaves out that the form needs is there and empty, as in the typed API.
pub(super) fn line(op: &str, args: &Json) -> String {
    let mut members = Vec::new();
    let mut add = |name: &str, value: Json| members.push((name.to_owned(), value));
    let needed = |key: &str| args.get(key).cloned().unwrap_or(Json::String(String::new()));
    match op {
        "custom_event" => add("track", needed("event_name")),
        "item" => {
            add("item", needed("item_id"));
            add("key", needed("item_key"));
        }
        "user_mapping" => {
            add("mapping", args.get("identities").cloned().unwrap_or(Json::Object(Vec::new())));
        }
        _ => {}
    }
    for (key, name) in WHO {
        match args.get(key) {
            Some(value) if op != "item" && (op != "user_mapping" || name == "time") => {
                add(name, value.clone())
            }
            _ => {}
        }
    }
    if let Some(attributes) = attributes(args) {
        add("attributes", attributes);
    }
    if op == "custom_event" {
        for (name, value) in args.members() {
            if name == "resource_item" && *value != Json::Null {
                add(name, resource_item(value));
            } else if is_event_field(name) && !["event_name", "attributes"].contains(&name.as_str()) {
                add(name, value.clone());
            }
        }
    }
    Json::Object(members).to_string()
}

fn resource_item(item: &Json) -> Json {
    let text = |key: &str| item.get(key).cloned().unwrap_or(Json::String(String::new()));
    let mut members = vec![("id".to_owned(), text("id")), ("key".to_owned(), text("key"))];
    members.extend(attributes(item).map(|attributes| ("attributes".to_owned(), attributes)));
    Json::Object(members)
}

/// The attributes, with those of Java's bulk setter behind them.
fn attributes(args: &Json) -> Option<Json> {
    match (args.get("attributes"), args.get("attributes_map")) {
        (Some(Json::Object(single)), Some(Json::Object(bulk))) => {
            Some(Json::Object([&single[..], &bulk[..]].concat()))
        }
        (single, bulk) => single.or(bulk).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::json::Json;

    #[test]
    fn a_call_becomes_a_line() -> Result<(), String> {
        let args = r#"{"event_name":"buy","login_user_id":"u","event_time":5,"domain":"d","attributes":{"a":1.0},
            "attributes_map":{"b":null},"resource_item":{"id":"i","key":"k"},"item_id":null}"#;
        assert_eq!(
            line("custom_event", &Json::parse(args)?),
            r#"{"track":"buy","user":"u","time":5,"attributes":{"a":1.0,"b":null},"domain":"d","resource_item":{"id":"i","key":"k"}}"#
        );
        assert_eq!(line("item", &Json::parse("{}")?), r#"{"item":"","key":""}"#);
        let args = Json::parse(r#"{"identities":{"email":"e"},"event_time":5}"#)?;
        assert_eq!(line("user_mapping", &args), r#"{"mapping":{"email":"e"},"time":5}"#);
        Ok(())
    }
}
