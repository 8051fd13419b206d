//! The bad network of the demo: errors, cut connections, late answers and Retry-After, interleaved with answers.

use super::System;
use crate::json::Json;

/// A rule: what it does, how often, to which share of the requests.
struct Rule {
    name: &'static str,
    /// The members of the rule that say what happens.
    what: &'static str,
    count: u32,
}

const SHARE: f64 = 0.25;

const GROWINGIO: &[Rule] = &[
    Rule { name: "503", what: r#""status":503"#, count: 4 },
    Rule { name: "cut before the request was read", what: r#""drop":"before""#, count: 4 },
    Rule { name: "accepted, but cut before the answer", what: r#""drop":"after""#, count: 4 },
    Rule { name: "503 with Retry-After", what: r#""status":503,"retry_after":1"#, count: 2 },
    Rule { name: "429 with Retry-After", what: r#""status":429,"retry_after":1"#, count: 1 },
];

/// Besides these a node is killed halfway.
const INLONG: &[Rule] = &[
    Rule { name: "queue full (114)", what: r#""code":114"#, count: 3 },
    Rule { name: "service closed (2)", what: r#""code":2"#, count: 2 },
    Rule { name: "late ack", what: r#""delay_ms":40"#, count: 6 },
    Rule { name: "ack out of order", what: r#""ack":"swapped""#, count: 3 },
    Rule { name: "kept, but cut in the middle of the ack", what: r#""drop":"midway""#, count: 2 },
    Rule { name: "kept, but no ack", what: r#""ack":"never""#, count: 1 },
];

fn rules(system: System) -> &'static [Rule] {
    match system {
        System::GrowingIo => GROWINGIO,
        System::InLong => INLONG,
    }
}

/// The plan of the run with faults.
pub(super) fn plan(system: System) -> Json {
    let name = match system {
        System::GrowingIo => "growingio",
        System::InLong => "inlong",
    };
    let rules: Vec<String> = rules(system)
        .iter()
        .map(|rule| format!(r#"{{"system":"{name}",{},"count":{},"share":{SHARE}}}"#, rule.what, rule.count))
        .collect();
    Json::parse(&format!(r#"{{"faults":[{}]}}"#, rules.join(","))).unwrap_or_else(|_| none())
}

/// What is left of a plan, with the first of InLong's nodes killed from now on.
pub(super) fn with_a_node_down(left: &Json) -> Json {
    let mut rules = left.get("faults").map(Json::elements).unwrap_or_default().to_vec();
    rules.extend(Json::parse(r#"{"system":"inlong","node":1,"down":true}"#));
    Json::Object(vec![("faults".to_owned(), Json::Array(rules))])
}

/// The plan of the run without.
pub(super) fn none() -> Json {
    Json::Object(vec![("faults".to_owned(), Json::Array(Vec::new()))])
}

/// How often each rule of the plan was applied, by what is left of it. Rules that are used up may be gone.
pub(super) fn met(system: System, plan: &Json, left: &Json) -> String {
    let described = self::rules(system);
    let rules = |json: &Json| json.get("faults").unwrap_or(json).elements().to_vec();
    let mut left = rules(left);
    let said = rules(plan).into_iter().zip(described).map(|(rule, described)| {
        let same = |other: &Json| {
            ["status", "drop", "retry_after", "code", "ack", "delay_ms"]
                .iter()
                .all(|key| rule.get(key).map(Json::to_string) == other.get(key).map(Json::to_string))
        };
        let found = left.iter().position(same).map(|found| left.remove(found));
        let met =
            rule.count("count") - found.map_or(0, |found| found.count("count")).min(rule.count("count"));
        format!("{met} × {}", described.name)
    });
    said.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::System;
    use super::{GROWINGIO, INLONG, met, plan, with_a_node_down};
    use crate::json::Json;

    #[test]
    fn the_plan_is_json_and_what_is_left_of_it_says_what_was_met() {
        let rules = |plan: &Json| plan.get("faults").map(|faults| faults.elements().len());
        assert_eq!(rules(&with_a_node_down(&plan(System::InLong))), Some(INLONG.len() + 1));
        let plan = plan(System::GrowingIo);
        assert_eq!(rules(&plan), Some(GROWINGIO.len()));
        let left = Json::parse(
            r#"{"faults":[{"drop":"after","count":3},{"status":503,"retry_after":1,"count":2}]}"#,
        );
        let said = left.map(|left| met(System::GrowingIo, &plan, &left)).unwrap_or_default();
        assert!(said.starts_with("4 × 503, 4 × cut before the request was read, 1 × accepted"), "{said}");
        assert!(said.contains("0 × 503 with Retry-After"), "{said}");
    }
}
