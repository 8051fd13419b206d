//! Quantities as people write them on a command line.

use std::time::Duration;

use crate::Value;
use crate::collector::BasicAuth;

/// A span of time: `500ms`, `5s`, `2m`, `24h`, `7d`; a plain number is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("unknown unit `{unit}`: use ms, s, m, h or d")),
    };
    let number: f64 = number.parse().map_err(|_| "give a number and a unit, e.g. 500ms, 5s, 2m or 24h")?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "the span is out of range".to_owned())
}

/// A number of bytes: `4096`, `64KiB`, `16MiB`, `1GiB`.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let scale = match unit {
        "" | "B" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(format!("unknown unit `{unit}`: use KiB, MiB or GiB")),
    };
    let number: usize = number.parse().map_err(|_| "give a whole number and a unit, e.g. 64MiB")?;
    number.checked_mul(scale).ok_or_else(|| "the size is out of range".to_owned())
}

/// A number of bytes that is sent in 32 bits, as [`bytes`] reads it.
pub(super) fn bytes_u32(text: &str) -> Result<u32, String> {
    u32::try_from(bytes(text)?).map_err(|_| "the size is out of range: give less than 4GiB".to_owned())
}

/// Events per second: `500/s`, `500`, `30/min`, `1000/h`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("unknown unit `{unit}`: use N/s, N/min or N/h")),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number / seconds),
        _ => Err("give a number above zero, e.g. 500/s".to_owned()),
    }
}

/// A request header: `Name: value`.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write it as `Name: value`".to_owned()),
    }
}

/// What the Manager is asked with: `ID:KEY`, neither with a further `:`.
pub(super) fn basic_auth(text: &str) -> Result<BasicAuth, String> {
    match text.split_once(':') {
        Some((id, key)) if !id.is_empty() && !key.is_empty() && !key.contains(':') => {
            Ok(BasicAuth { id: id.to_owned(), key: key.to_owned() })
        }
        _ => Err("write it as `ID:KEY`, with exactly one `:`".to_owned()),
    }
}

/// An attribute that is text: `key=value`.
pub(super) fn text_attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as `key=value`".to_owned()),
    }
}

/// The address of a Manager.
pub(super) fn manager_url(text: &str) -> Result<String, String> {
    url(text, "http://10.0.0.1:8083/inlong/manager/openapi/dataproxy/getIpList")
}

/// The address that messages are posted to.
pub(super) fn message_url(text: &str) -> Result<String, String> {
    url(text, "http://10.0.0.1:46802/dataproxy/message")
}

/// An attribute: `key=value`, where a value that is a JSON number, `true` or `false` is one and all else is text.
pub(super) fn attribute(text: &str) -> Result<(String, Value<'static>), String> {
    let (key, value) = text.split_once('=').ok_or("write it as `key=value`")?;
    if key.is_empty() {
        return Err("the key is empty: write it as `key=value`".to_owned());
    }
    let value = match serde_json::from_str(value) {
        Ok(serde_json::Value::Bool(truth)) => Value::Bool(truth),
        Ok(serde_json::Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(double)) if number.is_f64() => Value::Double(double),
            _ => Value::BigInt(number.to_string().into()),
        },
        _ => Value::from(value.to_owned()),
    };
    Ok((key.to_owned(), value))
}

fn url(text: &str, example: &str) -> Result<String, String> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(text.to_owned()),
        _ => Err(format!("give it with scheme and host, e.g. {example}")),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..unit], text[unit..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("500ms", 500), ("5", 5000), ("0.25s", 250), ("2 m", 120_000), ("1d", 86_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "5y", "-1s", "1e3", "999999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert_eq!(bytes("2 MiB"), Ok(2 << 20));
        for text in ["", "MiB", "1.5MiB", "-1", "1TB", "99999999999999999GiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_whole() {
        for text in ["http://a/b", "https://a:1"] {
            assert_eq!(message_url(text).as_deref(), Ok(text));
        }
        for text in ["/x", "a:1", "http://", "http:///x", "ftp://a"] {
            assert!(
                message_url(text).is_err_and(|problem| problem.ends_with("/dataproxy/message")),
                "{text}"
            );
            assert!(manager_url(text).is_err_and(|problem| problem.ends_with("/getIpList")), "{text}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("500/s"), Ok(500.0));
        assert_eq!(rate("500"), Ok(500.0));
        assert_eq!(rate("30 / min"), Ok(0.5));
        for text in ["", "0", "-1/s", "inf", "NaN/s", "5/d", "/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_and_attributes() {
        assert_eq!(header("X-Key: a: b"), Ok(("X-Key".into(), "a: b".into())));
        assert!(header("X-Key").is_err() && header(": a").is_err());
        assert_eq!(attribute("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(attribute("a=7"), Ok(("a".into(), 7.into())));
        assert_eq!(attribute("a=7.0"), Ok(("a".into(), 7.0.into())));
        assert_eq!(attribute("a=18446744073709551615"), Ok(("a".into(), u64::MAX.into())));
        assert_eq!(attribute("a=true"), Ok(("a".into(), true.into())));
        assert_eq!(attribute("a=[1]"), Ok(("a".into(), "[1]".into())));
        assert!(attribute("a").is_err() && attribute("=a").is_err());
        assert_eq!(text_attribute("a=7=b"), Ok(("a".into(), "7=b".into())));
        assert!(text_attribute("a").is_err() && text_attribute("=a").is_err());
        assert_eq!(bytes_u32("64KiB"), Ok(65_536));
        assert!(bytes_u32("4GiB").is_err());
    }
}
