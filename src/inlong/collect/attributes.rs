//! Attribute strings, taken apart as strictly as the server does.

/// `k=v` joined by `&`.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    items: Vec<(&'a str, &'a str)>,
}

impl<'a> Attributes<'a> {
    /// `None` when an item has not exactly one `=`, or a key comes twice. Blanks around items do not count.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut items: Vec<(&str, &str)> = Vec::new();
        if text.trim().is_empty() {
            return Some(Self { items });
        }
        for item in text.split('&') {
            let (key, value) = item.trim().split_once('=')?;
            if value.contains('=') {
                return None;
            }
            items.push((key, value));
        }
        // Sorted, as an attribute string may hold thousands of items.
        let mut keys: Vec<&str> = items.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair[0] != pair[1]).then_some(Self { items })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.items.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Whether a key has this value, in any case.
    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.get(key).is_some_and(|found| found.eq_ignore_ascii_case(value))
    }

    pub(super) fn owned(&self) -> Vec<(String, String)> {
        self.items.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }
}

/// The attributes of one message, which the server does not look at: whatever they are, something is shown.
pub(super) fn lenient(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|item| !item.is_empty()).map(|item| {
        let (key, value) = item.split_once('=').unwrap_or((item, ""));
        (key.to_owned(), value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict() {
        let parse = |text| Attributes::parse(text).map(|list| list.owned().len());
        for (text, expected) in [
            ("", Some(0)),
            ("  ", Some(0)),
            ("a=1", Some(1)),
            ("a=1& b=2 &c=", Some(3)),
            ("a", None),
            ("a=1&", None),
            ("a=1&&b=2", None),
            ("a=1=2", None),
            ("a=1&b=2&a=3", None),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
        let found = Attributes::parse("isAck=FALSE&a=1").unwrap();
        assert!(found.is("isAck", "false") && !found.is("syncSend", "true"));
        assert_eq!((found.get("a"), found.get("b")), (Some("1"), None));
    }
}
