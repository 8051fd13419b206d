use proptest::prelude::*;

use super::*;

#[track_caller]
fn reads<'a>(text: &'a str, event: impl Into<Event<'a>>) {
    assert_eq!(Event::from_json(text), Ok(event.into()), "{text}");
}

#[track_caller]
fn refuses(text: &str, field: &str, kind: InvalidKind) {
    let invalid = Event::from_json(text).expect_err(text);
    assert_eq!((&*invalid.field, invalid.kind), (field, kind), "{text}");
    assert!(!invalid.hint.is_empty());
}

#[test]
fn tracks() {
    reads(
        r#"{"track":"add_to_cart","user":"u1","user_key":"email","anonymous":"a1","time":1710325284000,"attributes":{"price":9.5,"n":2,"tags":["a","b"],"none":null}}"#,
        Track::new("add_to_cart")
            .user("u1")
            .user_key("email")
            .anonymous("a1")
            .time(1_710_325_284_000)
            .attribute("price", 9.5)
            .attribute("n", 2)
            .attribute("tags", ["a", "b"])
            .attribute("none", Value::Null),
    );
    reads(
        r#"{"resource_item":{"attributes":{"color":"red"},"key":"product","id":"sku-1"},"domain":"shop","screen_height":800,"latitude":1.5,"extra_sdk":{"a":"b"},"language":null,"track":"view","user":null}"#,
        Track::new("view")
            .resource_item(ResourceItem::new("sku-1", "product").attribute("color", "red"))
            .field("domain", "shop")
            .field("screen_height", 800)
            .field("latitude", 1.5)
            .field("extra_sdk", Value::Map(vec![("a".into(), "b".into())])),
    );
    reads(" {\"track\":\"\",\"time\":-1,\"attributes\":{}} ", Track::new("").time(-1));
    refuses(r#"{"track":7}"#, "track", InvalidKind::WrongType);
    refuses(r#"{"track":null,"user":"u"}"#, "track", InvalidKind::WrongType);
    refuses(r#"{"track":"a","user":7}"#, "user", InvalidKind::WrongType);
    refuses(r#"{"track":"a","time":1.5}"#, "time", InvalidKind::WrongType);
    refuses(r#"{"track":"a","time":"1"}"#, "time", InvalidKind::WrongType);
    refuses(r#"{"track":"a","time":99999999999999999999}"#, "time", InvalidKind::OutOfRange);
    refuses(r#"{"track":"a","domain":["x"]}"#, "domain", InvalidKind::WrongType);
    refuses(r#"{"track":"a","domain":"x","domain":"y"}"#, "domain", InvalidKind::Malformed);
    refuses(r#"{"track":"a","key":"x"}"#, "key", InvalidKind::UnknownField);
    refuses(r#"{"track":"a","attributes":["x"]}"#, "attributes", InvalidKind::WrongType);
    refuses(r#"{"track":"a","attributes":{"x":1e999}}"#, "attributes.x", InvalidKind::NotFinite);
    refuses(r#"{"track":"a","attributes":{"x":[-1e999]}}"#, "attributes.x", InvalidKind::NotFinite);
    refuses(r#"{"track":"a","attributes":{"x":1,"x":2}}"#, "attributes.x", InvalidKind::Malformed);
    refuses(r#"{"track":"a","attributes":{"x":{"y":1,"y":2}}}"#, "attributes.x", InvalidKind::Malformed);
    refuses(r#"{"track":"a","resource_item":{"id":"x"}}"#, "resource_item.key", InvalidKind::Missing);
    refuses(r#"{"track":"a","resource_item":{"key":"x"}}"#, "resource_item.id", InvalidKind::Missing);
    refuses(r#"{"track":"a","resource_item":"x"}"#, "resource_item", InvalidKind::WrongType);
    refuses(r#"{"track":"a","resource_item":{"id":1}}"#, "resource_item.id", InvalidKind::WrongType);
    refuses(r#"{"track":"a","resource_item":{"name":1}}"#, "resource_item.name", InvalidKind::UnknownField);
    refuses(
        r#"{"track":"a","resource_item":{"attributes":{"a":1,"a":2}}}"#,
        "resource_item.attributes.a",
        InvalidKind::Malformed,
    );
}

#[test]
fn users() {
    reads(r#"{"user":"u1","attributes":{"age":7}}"#, UserAttributes::new("u1").attribute("age", 7));
    reads(r#"{"anonymous":"a"}"#, UserAttributes { anonymous: Some("a".into()), ..Default::default() });
    reads("{}", UserAttributes::default());
    refuses(r#"{"event":"buy","user":"u1"}"#, "event", InvalidKind::UnknownField);
    refuses(r#"{"event":null,"user":"u1"}"#, "event", InvalidKind::UnknownField);
    refuses(r#"{"user":"u1","key":"x"}"#, "key", InvalidKind::UnknownField);
    refuses(r#"{"user":"u1","user":"u2"}"#, "user", InvalidKind::Malformed);
    refuses(r#"{"user":"u1","user":null}"#, "user", InvalidKind::Malformed);
}

#[test]
fn items() {
    reads(
        r#"{"item":"sku-1","key":"product","attributes":{"a":"b"}}"#,
        Item::new("sku-1", "product").attribute("a", "b"),
    );
    reads(r#"{"key":"product","item":"sku-1","user":null}"#, Item::new("sku-1", "product"));
    let empty = Item { attributes: Some(vec![]), ..Item::new("s", "p") };
    reads(r#"{"item":"s","key":"p","attributes":{}}"#, empty);
    refuses(r#"{"item":"s"}"#, "key", InvalidKind::Missing);
    refuses(r#"{"item":"s","key":"p","time":1}"#, "time", InvalidKind::UnknownField);
    refuses(r#"{"item":"s","key":"p","tilte":1}"#, "tilte", InvalidKind::UnknownField);
    refuses(r#"{"item":"s","key":7}"#, "key", InvalidKind::WrongType);
}

#[test]
fn mappings() {
    reads(
        r#"{"mapping":{"email":"a@b.example","phone":"1"},"time":5}"#,
        Mapping { time: Some(5), ..Mapping::new().identity("email", "a@b.example").identity("phone", "1") },
    );
    refuses(r#"{"mapping":{"email":1}}"#, "mapping.email", InvalidKind::WrongType);
    refuses(r#"{"mapping":{"email":"a","email":"b"}}"#, "mapping.email", InvalidKind::Malformed);
    refuses(r#"{"mapping":"a"}"#, "mapping", InvalidKind::WrongType);
    refuses(r#"{"mapping":null}"#, "mapping", InvalidKind::WrongType);
    refuses(r#"{"mapping":{},"user":"u"}"#, "user", InvalidKind::UnknownField);
}

#[test]
fn a_line_is_of_one_kind() {
    refuses(r#"{"track":"a","item":"b","key":"c"}"#, "item", InvalidKind::Malformed);
    refuses(r#"{"mapping":{},"track":"b"}"#, "mapping", InvalidKind::Malformed);
}

#[test]
fn what_cannot_be_read_names_the_byte() {
    for (text, message) in [
        ("", "`json` cannot be read: byte 0: expected an object"),
        ("[]", "`json` cannot be read: byte 0: expected an object"),
        ("{\"track\":\"a\"", "`json` cannot be read: byte 12: expected `,` or `}`"),
        ("{\"track\":\"a\"} {}", "`json` cannot be read: byte 14: expected nothing more after the value"),
        (
            "{\"track\":\"a\u{1}\"}",
            "`json` cannot be read: byte 11: a control character in a string; escape it, e.g. \\n",
        ),
    ] {
        assert_eq!(Event::from_json(text).unwrap_err().to_string(), message);
    }
    let deep = format!("{{\"track\":\"a\",\"attributes\":{{\"x\":{}", "[".repeat(100_000));
    refuses(&deep, "attributes.x", InvalidKind::Malformed);
    let long = format!("{{\"{}\":1}}", "ä".repeat(100_000));
    assert_eq!(Event::from_json(&long).unwrap_err().field.chars().count(), 101);
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let big = (any::<bool>(), any::<u64>()).prop_map(|(minus, low)| {
        let digits = format!("{}1{low:020}", if minus { "-" } else { "" });
        Value::BigInt(digits.into())
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        big,
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            map(inner).prop_map(Value::Map)
        ]
    })
}

fn map<T: std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(Cow<'static, str>, T)>> {
    prop::collection::hash_map(any::<String>().prop_map(Cow::Owned), value, 0..6)
        .prop_map(|map| map.into_iter().collect())
}

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    any::<String>().prop_map(Cow::Owned)
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let id = || prop::option::of(text());
    let time = || prop::option::of(any::<i64>());
    let item =
        (text(), text(), map(value())).prop_map(|(id, key, attributes)| ResourceItem { id, key, attributes });
    let field = value().prop_filter("a field's value", |v| !matches!(v, Value::Null | Value::List(_)));
    let fields = map(field).prop_map(|mut fields| {
        fields.retain(|(name, _)| !KEYS.contains(&&**name));
        fields
    });
    prop_oneof![
        (text(), id(), id(), id(), time(), map(value()), prop::option::of(item), fields).prop_map(
            |(name, user, user_key, anonymous, time, attributes, item, fields)| Event::Track(Track {
                name,
                user,
                user_key,
                anonymous,
                time,
                attributes,
                resource_item: item.map(Box::new),
                fields,
            })
        ),
        (id(), id(), id(), time(), map(value())).prop_map(|(user, user_key, anonymous, time, attributes)| {
            Event::User(UserAttributes { user, user_key, anonymous, time, attributes })
        }),
        (text(), text(), prop::option::of(map(value())))
            .prop_map(|(id, key, attributes)| Event::Item(Item { id, key, attributes })),
        (map(text()), time()).prop_map(|(identities, time)| Event::Mapping(Mapping { identities, time })),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(event in event()) {
        let mut text = String::new();
        event.to_json(&mut text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|json| json.is_object()), "{}", text);
        prop_assert!(!text.contains('\n'), "one line");
        prop_assert_eq!(Event::from_json(&text), Ok(event), "{}", text);
    }

    #[test]
    fn cut_text_is_refused(event in event(), at: prop::sample::Index) {
        let mut text = String::new();
        event.to_json(&mut text);
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(Event::from_json(&text[..at]).is_err());
    }
}
