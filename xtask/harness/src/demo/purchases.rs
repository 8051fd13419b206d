//! A shop's purchases as messages: each row is one, its columns with `|` between them.

use std::path::Path;

use crate::json::Json;

/// The group and the stream that they go to.
pub(super) const TARGET: (&str, &str) = ("demo_group", "purchases");

/// Reads a file, gzipped or plain.
pub(super) fn read(path: &Path) -> Result<Vec<String>, String> {
    parse(&super::clickstream::text(path)?).map_err(|why| format!("{}: {why}", path.display()))
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = rows.next().unwrap_or_default();
    let mut messages = Vec::new();
    for (number, row) in rows.enumerate() {
        if row.len() != header.len() {
            return Err(format!("line {}: expected {} columns", number + 2, header.len()));
        }
        messages.push(row.join("|"));
    }
    Ok(messages)
}

/// What a record of the collector says, as messages are compared; another stream's is none that was sent.
pub(super) fn content(record: &Json) -> String {
    let (group, stream) = TARGET;
    let name = record.text_of("name").unwrap_or_default();
    let text = record.get("raw").and_then(|raw| raw.text_of("text")).unwrap_or_default();
    if name.split_once('/') == Some(TARGET) {
        text.to_owned()
    } else {
        format!("{name}, not {group}/{stream}: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::{content, parse};
    use crate::json::Json;

    #[test]
    fn a_row_is_a_message_and_a_record_is_compared_by_it() -> Result<(), String> {
        let rows = parse(" customer_id  date number_of_cds  dollar_value\n 00020 19970101 27  363.60\n")?;
        assert_eq!(rows, ["00020|19970101|27|363.60"]);
        assert!(parse("a b\nc\n").is_err());
        let record = |name: &str| {
            Json::parse(&format!(r#"{{"name":"{name}","raw":{{"text":"00020|19970101|27|363.60"}}}}"#))
        };
        assert_eq!(content(&record("demo_group/purchases")?), rows[0]);
        assert_ne!(content(&record("demo_group/other")?), rows[0]);
        Ok(())
    }
}
