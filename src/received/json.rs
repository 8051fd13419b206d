//! Writes JSON text by hand: what is kept is text, and it goes out as text.

use crate::codec::json_write::{stands_for_itself, write_string};

/// Appends `value` as a string literal.
pub(crate) fn string(text: &str, out: &mut String) {
    if stands_for_itself(text.as_bytes()) {
        out.reserve(text.len() + 2);
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let mut quoted = Vec::new();
        write_string(&mut quoted, text);
        out.push_str(&String::from_utf8_lossy(&quoted));
    }
}

/// Appends a string literal, or `null`.
pub(crate) fn optional(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => string(text, out),
        None => out.push_str("null"),
    }
}

/// Appends a number, or `null`.
pub(crate) fn number(value: Option<i64>, out: &mut String) {
    match value {
        Some(value) => out.push_str(itoa::Buffer::new().format(value)),
        None => out.push_str("null"),
    }
}

/// Appends an object of strings. Where a name comes twice its values are joined by `, `, as headers are.
pub(crate) fn object(pairs: &[(String, String)], out: &mut String) {
    out.push('{');
    for (at, (name, value)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
            continue;
        }
        if out.ends_with('"') {
            out.push(',');
        }
        string(name, out);
        out.push(':');
        let mut others = pairs[at + 1..].iter().filter(|(later, _)| later == name).peekable();
        if others.peek().is_none() {
            string(value, out);
        } else {
            let joined = others.fold(value.clone(), |joined, (_, more)| joined + ", " + more);
            string(&joined, out);
        }
    }
    out.push('}');
}

/// Appends an array of strings.
pub(crate) fn array(list: &[&str], out: &mut String) {
    out.push('[');
    for (at, text) in list.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        string(text, out);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back_as_they_were() {
        for text in ["", "plain", "\"q\" \\ \n\r\t\u{0}\u{1f}\u{7f}", "你好 🦀"] {
            let mut out = String::new();
            string(text, &mut out);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn objects_join_what_comes_twice() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut out = String::new();
        object(&[pair("a", "1"), pair("b", "2"), pair("a", "3"), pair("a", "")], &mut out);
        assert_eq!(out, r#"{"a":"1, 3, ","b":"2"}"#);
    }
}
