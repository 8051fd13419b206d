use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn read(text: &str) -> Result<Value<'_>, Error> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

#[track_caller]
fn reads(text: &str, value: Value<'_>) {
    assert_eq!(read(text), Ok(value), "{text}");
}

#[track_caller]
fn fails(text: &str, at: usize, problem: Problem) {
    assert_eq!(read(text), Err(Error { at, problem }), "{text}");
}

#[test]
fn numbers() {
    reads("0", Value::Int(0));
    reads("-0", Value::Int(0));
    reads("-0.0", Value::Double(-0.0));
    reads(" 9223372036854775807 ", Value::Int(i64::MAX));
    reads("-9223372036854775808", Value::Int(i64::MIN));
    reads("9223372036854775808", Value::BigInt("9223372036854775808".into()));
    reads("-9223372036854775809", Value::BigInt("-9223372036854775809".into()));
    reads("1.0", Value::Double(1.0));
    reads("1e3", Value::Double(1000.0));
    reads("1E+3", Value::Double(1000.0));
    reads("2.5e-07", Value::Double(2.5e-7));
    reads("1e-999", Value::Double(0.0));
    fails("1e999", 0, Problem::NotFinite);
    fails("[-1e999]", 1, Problem::NotFinite);
    fails("-", 1, Problem::Expected("a digit"));
    fails("1.", 2, Problem::Expected("a digit"));
    fails("1e", 2, Problem::Expected("a digit"));
    fails("01", 1, Problem::Expected("nothing more after the value"));
    fails("+1", 0, Problem::Expected("a value"));
    fails("NaN", 0, Problem::Expected("a value"));
}

#[test]
fn strings() {
    assert!(matches!(
        read("\"ü plain, 8 and more\""),
        Ok(Value::String(Cow::Borrowed("ü plain, 8 and more")))
    ));
    reads(r#""\"\\\/\b\f\n\r\t""#, Value::from("\"\\/\u{8}\u{c}\n\r\t"));
    reads(r#""\u00e4\u20ac\ud83d\uDE00x""#, Value::from("ä€😀x"));
    reads(r#""\ud83d""#, Value::from("\u{fffd}"));
    reads(r#""\ude00\ud83d!""#, Value::from("\u{fffd}\u{fffd}!"));
    reads(r#""\ud83d\u0041""#, Value::from("\u{fffd}A"));
    reads(r#""\ud83d\ud83d\ude00""#, Value::from("\u{fffd}😀"));
    fails("\"abc", 4, Problem::Expected("the end of the string"));
    fails("\"a\nb\"", 2, Problem::ControlCharacter);
    fails(r#""\x""#, 1, Problem::Escape);
    fails(r#""\u12"#, 1, Problem::Escape);
    fails(r#""\u12+4""#, 1, Problem::Escape);
    fails("\"\\", 1, Problem::Escape);
}

#[test]
fn structure() {
    reads("[ ]", Value::List(vec![]));
    reads("[1 , [\"a\"],{ }]", Value::List(vec![1.into(), vec!["a"].into(), Value::Map(vec![])]));
    reads(r#"{"a":null,"b":{"c":true}}"#, {
        let inner = Value::Map(vec![("c".into(), true.into())]);
        Value::Map(vec![("a".into(), Value::Null), ("b".into(), inner)])
    });
    fails("", 0, Problem::Expected("a value"));
    fails("[1,]", 3, Problem::Expected("a value"));
    fails("[1 2]", 3, Problem::Expected("`,` or `]`"));
    fails("{\"a\":1,}", 7, Problem::Expected("a string"));
    fails("{\"a\" 1}", 5, Problem::Expected("`:`"));
    fails("{\"a\":1", 6, Problem::Expected("`,` or `}`"));
    fails("{,}", 1, Problem::Expected("a string"));
    fails("nul", 0, Problem::Expected("null"));
    fails("true false", 5, Problem::Expected("nothing more after the value"));
}

#[test]
fn depth_is_limited() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(read(&nested(64)).is_ok());
    fails(&nested(65), 65, Problem::TooDeep);
    fails(&"{\"a\":".repeat(100_000), 64 * 5 + 1, Problem::TooDeep);
    let wide = format!("[{}]", vec!["[[]]"; 1000].join(","));
    assert!(read(&wide).is_ok(), "closing gives the level back");
}

#[test]
fn a_key_stands_once() {
    fails(r#"[{"a":1,"b":2,"\u0061":3}]"#, 1, Problem::Duplicate);
    let many = |last: usize| {
        let keys: Vec<String> = (0..100).chain([last]).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    };
    assert!(read(&many(100)).is_ok());
    fails(&many(50), 0, Problem::Duplicate);
}

/// The same value as serde_json sees it; numbers as doubles, because it has no larger integers.
fn same(ours: &Value<'_>, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        (Value::Int(a), Json::Number(b)) => b.as_i64() == Some(*a) || (*a == 0 && b.as_f64() == Some(0.0)),
        (Value::BigInt(a), Json::Number(b)) => close(a.parse().unwrap(), b.as_f64().unwrap()),
        (Value::Double(a), Json::Number(b)) => b.is_f64() && close(*a, b.as_f64().unwrap()),
        (Value::String(a), Json::String(b)) => a == b,
        (Value::List(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| *k == **l && same(a, b))
        }
        _ => false,
    }
}

/// serde_json may miss the nearest double by a unit in the last place.
fn close(ours: f64, theirs: f64) -> bool {
    ours == theirs || (ours - theirs).abs() <= ours.abs().max(f64::MIN_POSITIVE) * 2.0 * f64::EPSILON
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[ -~]{0,40}".prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

/// `text` with every character outside ASCII escaped, as Python writes it.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for ch in text.chars() {
        match ch {
            ' '..='~' => out.push(ch),
            _ => ch.encode_utf16(&mut [0; 2]).iter().for_each(|u| out += &format!("\\u{u:04x}")),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn valid_text_reads_as_serde_json_reads_it(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let ours = read(&text);
        prop_assert!(ours.as_ref().is_ok_and(|ours| same(ours, &value)), "{text}\n{ours:?}");
        if !pretty {
            let text = ascii(&text);
            let ours = read(&text);
            prop_assert!(ours.as_ref().is_ok_and(|ours| same(ours, &value)), "{text}\n{ours:?}");
        }
    }

    #[test]
    fn changed_text_is_judged_as_serde_json_judges_it(
        value in json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[\\PC]|[]\\[{}\",:\\\\0-9eE.+\u{0}-\u{20}-]|", any::<bool>()), 1..4),
    ) {
        let mut text: Vec<char> = serde_json::to_string(&value).unwrap().chars().collect();
        for (at, insert, remove) in changes {
            let at = at.index(text.len() + 1);
            let to = (at + usize::from(remove)).min(text.len());
            text.splice(at..to, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match (read(&text), serde_json::from_str::<Json>(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{text}\n{ours:?}\n{theirs:?}"),
            (Err(_), Err(_)) => {}
            // Decided otherwise than serde_json: duplicates, and its own refusals of what is valid JSON.
            (Err(error), Ok(_)) => prop_assert_eq!(error.problem, Problem::Duplicate, "{}", text),
            (Ok(_), Err(theirs)) => {
                let theirs = theirs.to_string();
                let known = ["surrogate", "hex escape", "number out of range"].iter().any(|k| theirs.contains(k));
                prop_assert!(known, "{text}\n{theirs}");
            }
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC*|[\\[{}\\]\",:0-9.eE+ \\\\u-]*") {
        let _ = read(&text);
    }
}
