//! Texts of events: valid ones and all manner of broken ones.

use crate::growingio::fields::{FIELDS, Kind};

/// Splitmix64: every seed is another text.
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// One text.
    pub(super) fn text(&mut self) -> String {
        let mut text = self.event();
        if self.one_in(3) {
            for _ in 0..=self.below(2) {
                text = self.mutated(&text);
            }
        }
        text
    }

    fn event(&mut self) -> String {
        let mut members = Vec::new();
        match self.below(8) {
            0 => {
                members.push(self.member("item", Self::string));
                members.push(self.member("key", Self::string));
            }
            1 => members.push(self.member("mapping", Self::identities)),
            2 | 3 => {}
            _ => members.push(self.member("track", Self::string)),
        }
        for (key, odds) in [("user", 2), ("user_key", 4), ("anonymous", 4), ("time", 3), ("attributes", 2)] {
            // What an item or a mapping may not have is rare there.
            let odds = if members.len() == 1 && members[0].contains("track") { odds } else { odds * 2 };
            if self.one_in(odds) {
                members.push(self.known(key));
            }
        }
        if members.first().is_some_and(|first| first.contains("track")) {
            if self.one_in(4) {
                members.push(self.known("resource_item"));
            }
            while self.one_in(2) {
                members.push(self.context_field());
            }
        }
        if self.one_in(12) {
            let key = ["track", "item", "mapping", "key", "resource_item", "domain", "nothing"];
            let key = self.pick(&key);
            members.push(self.known(key));
        }
        if self.one_in(20) && !members.is_empty() {
            let twice = self.pick(&members.clone()).clone();
            members.push(twice);
        }
        if self.one_in(2) && !members.is_empty() {
            let by = self.below(members.len());
            members.rotate_left(by);
        }
        self.joined('{', &members, '}')
    }

    fn known(&mut self, key: &str) -> String {
        match key {
            "time" => self.member(key, Self::integer),
            "attributes" => self.member(key, Self::attributes),
            "resource_item" => self.member(key, Self::resource_item),
            "mapping" => self.member(key, Self::identities),
            _ => self.member(key, Self::string),
        }
    }

    fn context_field(&mut self) -> String {
        let field = &FIELDS[self.below(FIELDS.len())];
        match field.kind {
            Kind::String => self.member(field.name, Self::string),
            Kind::Int32 => self.member(field.name, |rng| rng.below(5_000).to_string()),
            Kind::Int64 => self.member(field.name, Self::integer),
            Kind::Double => self.member(field.name, Self::number),
            Kind::Map => self.member(field.name, Self::attributes),
        }
    }

    /// A key with its value, which is of another type once in a while.
    fn member(&mut self, key: &str, value: impl Fn(&mut Self) -> String) -> String {
        let value = match self.below(30) {
            0 => self.value(3),
            1 => "null".to_owned(),
            _ => value(self),
        };
        let key = self.quoted(key);
        let (a, b) = (self.space(), self.space());
        [&key, a, ":", b, &value].concat()
    }

    fn attributes(&mut self) -> String {
        self.object(3)
    }

    fn identities(&mut self) -> String {
        let mut members = Vec::new();
        while !self.one_in(3) {
            let key = self.word();
            members.push(self.member(&key, Self::string));
        }
        self.joined('{', &members, '}')
    }

    fn resource_item(&mut self) -> String {
        let mut members = Vec::new();
        for key in ["id", "key", "attributes"] {
            if !self.one_in(12) {
                members.push(self.known(key));
            }
        }
        if self.one_in(15) {
            let key = self.pick(&["id", "attributes", "other"]);
            members.push(self.known(key));
        }
        self.joined('{', &members, '}')
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 12 } else { 16 }) {
            0..5 => self.string(),
            5 | 6 => self.integer(),
            7..10 => self.number(),
            10 => "null".to_owned(),
            11 => self.pick(&["true", "false"]).to_owned(),
            12 | 13 => {
                let mut values = Vec::new();
                while !self.one_in(3) {
                    values.push(self.value(depth - 1));
                }
                self.joined('[', &values, ']')
            }
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let mut members = Vec::new();
        let many = if self.one_in(50) { 40 } else { 3 };
        while !self.one_in(many) {
            let key = self.word();
            members.push(self.member(&key, |rng| rng.value(depth)));
        }
        self.joined('{', &members, '}')
    }

    fn integer(&mut self) -> String {
        const BOUNDS: [i128; 9] = [
            0,
            i32::MAX as i128,
            i32::MIN as i128,
            i64::MAX as i128,
            i64::MIN as i128,
            u64::MAX as i128,
            1_700_000_000_000,
            9_999_999_999_999_999_999,
            10_000_000_000_000_000_000,
        ];
        match self.below(6) {
            0 => self.next().to_string(),
            1 => (self.next() as i64).to_string(),
            2 => (self.pick(&BOUNDS) + self.below(5) as i128 - 2).to_string(),
            3 => "-0".to_owned(),
            4 => format!("{}{:040}", if self.one_in(2) { "-1" } else { "7" }, self.next()),
            _ => self.below(1_000).to_string(),
        }
    }

    fn number(&mut self) -> String {
        let double = f64::from_bits(self.next());
        let double = if double.is_finite() { double } else { 0.1 };
        match self.below(8) {
            0 => format!("{double:e}"),
            1 => format!("{double:E}").replace("E-", "E-0"),
            2 => format!("{:?}", double.abs().min(1e20)),
            3 => {
                let (places, exponent) = (self.below(330) as i32 - 5, self.below(700) as i32 - 350);
                format!("{}.{}e{exponent:+}", self.below(1_000), places.max(0))
            }
            4 => format!("{}.{:0width$}", self.below(100), self.below(1_000), width = 1 + self.below(25)),
            5 => format!("-{}.0", self.next() >> self.below(64)),
            6 => self
                .pick(&[
                    "0.0",
                    "-0.0",
                    "0e9",
                    "-0.0e-999",
                    "1e-999",
                    "5e-324",
                    "2e-324",
                    "1e999",
                    "1e308",
                    "1.8e308",
                    "1e16",
                    "1e15",
                    "9007199254740993.0",
                    "0.1",
                    "0.00001",
                    "0.0001",
                    "123456789012345678e-10",
                    "100000000000000000000000.5",
                    "1.7976931348623157e308",
                    "2.2250738585072014E-308",
                ])
                .to_owned(),
            _ => format!("{}.{:02}", self.below(500), self.below(100)),
        }
    }

    fn string(&mut self) -> String {
        let text = match self.below(12) {
            0 => String::new(),
            1 => "$notuser".to_owned(),
            _ => {
                let mut text = String::new();
                let plain = self.one_in(2);
                let length = if self.one_in(20) { 200 } else { 12 };
                for _ in 0..self.below(length) {
                    text.push(if plain { char::from(b'a' + self.below(26) as u8) } else { self.char() });
                }
                text
            }
        };
        self.quoted(&text)
    }

    /// A key; some come again.
    fn word(&mut self) -> String {
        match self.below(3) {
            0 => self.pick(&["a", "b", "ab", "price", "a\"", "ä", "", "a\\"]).to_owned(),
            1 => format!("k{}", self.below(500)),
            _ => (0..self.below(12)).map(|_| self.char()).collect(),
        }
    }

    fn char(&mut self) -> char {
        let code = match self.below(6) {
            0 => self.below(0x20),
            1 => 0x80 + self.below(0x800),
            2 => self.below(0x1_1000),
            3 => 0x1_0000 + self.below(0x10_0000),
            4 => return self.pick(&['"', '\\', '/', '|', '{', '}', '[', ']', ',', ':']),
            _ => 0x20 + self.below(0x60),
        };
        char::from_u32(code as u32).unwrap_or('\u{fffd}')
    }

    /// A string as JSON, by all kinds of escapes.
    fn quoted(&mut self, text: &str) -> String {
        let escapes = self.one_in(3);
        let mut out = String::from("\"");
        for ch in text.chars() {
            let must = ch < ' ' || ch == '"' || ch == '\\';
            if !(must || escapes && self.one_in(4)) {
                out.push(ch);
                continue;
            }
            let short = match ch {
                '"' | '\\' | '/' => Some(ch),
                '\u{8}' => Some('b'),
                '\t' => Some('t'),
                '\n' => Some('n'),
                '\u{c}' => Some('f'),
                '\r' => Some('r'),
                _ => None,
            };
            match short {
                Some(letter) if !self.one_in(3) => out.extend(['\\', letter]),
                _ => {
                    for unit in ch.encode_utf16(&mut [0; 2]) {
                        out +=
                            &if self.one_in(2) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                    }
                }
            }
        }
        if escapes && self.one_in(4) {
            out += self.pick(&[
                "\\ud800",
                "\\udc00",
                "\\uD83D\\uDE00",
                "\\ud83d\\ud83d\\ude00",
                "\\udbff\\u0041",
            ]);
        }
        out + "\""
    }

    fn joined(&mut self, open: char, parts: &[String], close: char) -> String {
        let mut out = String::from(open);
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            out += self.space();
            out += part;
            out += self.space();
        }
        out.push(close);
        out
    }

    fn space(&mut self) -> &'static str {
        if self.one_in(12) { self.pick(&[" ", "\n", "\t\r\n", "  "]) } else { "" }
    }

    fn mutated(&mut self, text: &str) -> String {
        const CHARS: &str = "{}[]\",:\\0123456789eE.+-truefalsnub \u{0}\u{1}\n\u{7f}ä😀";
        let mut chars: Vec<char> = text.chars().collect();
        let at = self.below(chars.len() + 1);
        let other: Vec<char> = CHARS.chars().collect();
        match self.below(6) {
            0 => chars.truncate(at),
            1 if at < chars.len() => drop(chars.remove(at)),
            2 if at < chars.len() => chars[at] = self.pick(&other),
            3 => {
                let len = self.below(20).min(chars.len() - at);
                let copy = chars[at..at + len].to_vec();
                let to = self.below(chars.len());
                chars.splice(to..to, copy);
            }
            4 => {
                let len = self.below(6).min(chars.len() - at);
                drop(chars.drain(at..at + len));
            }
            _ => chars.insert(at, self.pick(&other)),
        }
        chars.into_iter().collect()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
