//! Random lines of the neutral form: most of them valid, many of them strange, all of them by a seed.

/// A source of lines.
pub(super) struct Lines {
    state: u64,
}

const STRINGS: [&str; 22] = [
    "",
    "a",
    "price",
    "x||y",
    "||",
    r"tab\tnew\nline",
    r"\u0000",
    r"\u001f\b\f",
    r#"quote \" and \\ and \/"#,
    "/slash/",
    "\u{7f}\u{80}\u{a0}",
    "é",
    "Straße",
    "中文字符",
    "😀",
    r"\ud83d\ude00",
    r"\ud83d",
    r"\ude00\ud83d",
    r"\ud83d\u0041",
    "\u{2028}\u{2029}\u{feff}",
    "\u{fffd}\u{ffff}\u{10ffff}",
    r"<script>&amp;'`%00%E4$notuser",
];

const NUMBERS: [&str; 44] = [
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "-0.0",
    "0.1",
    "0.30000000000000004",
    "100",
    "1E2",
    "1e+2",
    "1e-2",
    "1e15",
    "1e16",
    "1e21",
    "123456789012345680000.0",
    "9999999999999999.0",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "2147483648",
    "0.0001",
    "0.00001",
    "1.0e-7",
    "5e-324",
    "2e-324",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1000000000000000055511151231257827021181583404541015625",
    "179769313486231570000000000000000000000.5",
    "8.5",
    "99999999999.9999",
    "100000000000.0001",
];

/// What is not JSON, though some readers take it.
const BROKEN: [&str; 12] =
    ["01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "0x1", "tru", "'a'", "[1,]", "{,}"];

const FIELDS: [&str; 14] = [
    "domain",
    "path",
    "language",
    "app_version",
    "screen_width",
    "global_sequence_id",
    "latitude",
    "longitude",
    "extra_sdk",
    "index",
    "timezone_offset",
    "gio_id",
    "no_such_field",
    "page_show_timestamp",
];

impl Lines {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next line.
    pub(super) fn line(&mut self) -> String {
        let mut members = Vec::new();
        match self.below(10) {
            0..6 => {
                members.push(("track".to_owned(), self.name()));
                self.who(&mut members);
                if self.one_in(3) {
                    let field = self.pick(&FIELDS).to_owned();
                    let value = if self.one_in(3) { self.value(1) } else { self.scalar() };
                    members.push((field, value));
                }
                if self.one_in(6) {
                    let (id, key, attributes) = (self.name(), self.name(), self.map(1));
                    let item = format!(r#"{{"id":{id},"key":{key},"attributes":{attributes}}}"#);
                    members.push(("resource_item".to_owned(), item));
                }
                members.push(("attributes".to_owned(), self.map(0)));
            }
            6..8 => {
                self.who(&mut members);
                members.push(("attributes".to_owned(), self.map(0)));
            }
            8 => {
                members.push(("item".to_owned(), self.name()));
                members.push(("key".to_owned(), self.name()));
                members.push(("attributes".to_owned(), self.map(0)));
            }
            _ => {
                let (kind, id) = (self.name(), self.name());
                members.push(("mapping".to_owned(), format!("{{{kind}:{id}}}")));
            }
        }
        if self.one_in(30) {
            let again = members[self.below(members.len())].clone();
            members.push(again);
        }
        let spaces = ["", " ", "\n", "\t\r "];
        let members =
            members.iter().map(|(key, value)| format!("\"{key}\"{}:{value}", spaces[self.below(4)]));
        let line = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        if self.one_in(12) { self.mutated(&line) } else { line }
    }

    fn who(&mut self, members: &mut Vec<(String, String)>) {
        for key in ["user", "user_key", "anonymous"] {
            if !self.one_in(3) {
                let value = if self.one_in(20) { self.scalar() } else { self.name() };
                members.push((key.to_owned(), value));
            }
        }
        if self.one_in(2) {
            let time = if self.one_in(4) { self.number() } else { (self.next() >> 22).to_string() };
            members.push(("time".to_owned(), time));
        }
    }

    fn map(&mut self, depth: usize) -> String {
        let members: Vec<String> =
            (0..self.below(6)).map(|_| format!("{}:{}", self.string(), self.value(depth))).collect();
        format!("{{{}}}", members.join(","))
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth > 4 { 8 } else { 12 }) {
            0..8 => self.scalar(),
            8 | 9 => {
                let elements: Vec<String> = (0..self.below(5)).map(|_| self.value(depth + 1)).collect();
                format!("[{}]", elements.join(", "))
            }
            10 => self.map(depth + 1),
            // Around the deepest that is allowed.
            _ => {
                let (levels, inner) = (55 + self.below(12), self.scalar());
                match self.below(20) {
                    0 => format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels)),
                    1 => format!("{}{inner}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)),
                    _ => inner,
                }
            }
        }
    }

    fn scalar(&mut self) -> String {
        match self.below(20) {
            0 => "true".to_owned(),
            1 => "false".to_owned(),
            2 => "null".to_owned(),
            3..11 => self.number(),
            11 if self.one_in(40) => self.pick(&BROKEN).to_owned(),
            _ => self.string(),
        }
    }

    fn number(&mut self) -> String {
        match self.below(6) {
            0 | 1 => self.pick(&NUMBERS).to_owned(),
            2 => {
                let value = f64::from_bits(self.next());
                if value.is_finite() { format!("{value:e}") } else { "0.5".to_owned() }
            }
            // As a price has it, and with more decimals than a double.
            3 => format!("{}.{}", self.below(100_000), self.digits(4)),
            4 => format!("{}{}.{}", if self.one_in(2) { "-" } else { "" }, self.below(1000), self.digits(30)),
            _ => format!("{}{}", 1 + self.below(9), self.digits(24)),
        }
    }

    fn digits(&mut self, most: usize) -> String {
        (0..=self.below(most)).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    fn name(&mut self) -> String {
        if self.one_in(5) { self.string() } else { format!("\"n{}\"", self.below(100)) }
    }

    /// Its escapes are part of the text as it stands.
    fn string(&mut self) -> String {
        let parts: String = (0..=self.below(3)).map(|_| self.pick(&STRINGS)).collect();
        // Not a multiple of eight bytes, in which text is scanned.
        format!("\"{}{parts}\"", "a".repeat(self.below(9)))
    }

    fn mutated(&mut self, line: &str) -> String {
        let mut characters: Vec<char> = line.chars().collect();
        for _ in 0..=self.below(2) {
            let at = self.below(characters.len());
            match self.below(4) {
                0 => drop(characters.remove(at)),
                1 => characters.truncate(at.max(1)),
                2 => characters.insert(at, characters[self.below(characters.len())]),
                _ => {
                    characters[at] = ['"', '\\', '{', ']', ',', '\u{1}', '9', 'e', '\0', '😀'][self.below(10)]
                }
            }
        }
        characters.into_iter().collect()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use trackwire::Event;

    #[test]
    fn most_lines_are_valid_and_many_are_not() {
        let mut lines = Lines::new(1);
        let valid = (0..2000).filter(|_| Event::from_json(&lines.line()).is_ok()).count();
        assert!((1000..1800).contains(&valid), "{valid} of 2000");
    }
}
