//! The bad network of the demo: errors, cut connections and Retry-After, interleaved with answers.

use crate::json::Json;

/// A rule: what it does, how often, to which share of the requests.
struct Rule {
    name: &'static str,
    /// The members of the rule that say what happens.
    what: &'static str,
    count: u32,
}

const SHARE: f64 = 0.25;

const RULES: &[Rule] = &[
    Rule { name: "503", what: r#""status":503"#, count: 4 },
    Rule { name: "cut before the request was read", what: r#""drop":"before""#, count: 4 },
    Rule { name: "accepted, but cut before the answer", what: r#""drop":"after""#, count: 4 },
    Rule { name: "503 with Retry-After", what: r#""status":503,"retry_after":1"#, count: 2 },
    Rule { name: "429 with Retry-After", what: r#""status":429,"retry_after":1"#, count: 1 },
];

/// The plan of the run with faults.
pub(super) fn plan() -> Json {
    let rules: Vec<String> = RULES
        .iter()
        .map(|rule| {
            format!(r#"{{"system":"growingio",{},"count":{},"share":{SHARE}}}"#, rule.what, rule.count)
        })
        .collect();
    Json::parse(&format!(r#"{{"faults":[{}]}}"#, rules.join(","))).unwrap_or_else(|_| none())
}

/// The plan of the run without.
pub(super) fn none() -> Json {
    Json::Object(vec![("faults".to_owned(), Json::Array(Vec::new()))])
}

/// How often each rule of the plan was applied, by what is left of it. Rules that are used up may be gone.
pub(super) fn met(plan: &Json, left: &Json) -> String {
    let rules = |json: &Json| json.get("faults").unwrap_or(json).elements().to_vec();
    let mut left = rules(left);
    let said = rules(plan).into_iter().zip(RULES).map(|(rule, described)| {
        let same = |other: &Json| {
            ["status", "drop", "retry_after"]
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
    use super::{RULES, met, plan};
    use crate::json::Json;

    #[test]
    fn the_plan_is_json_and_what_is_left_of_it_says_what_was_met() {
        let plan = plan();
        assert_eq!(plan.get("faults").map(|faults| faults.elements().len()), Some(RULES.len()));
        let left = Json::parse(
            r#"{"faults":[{"drop":"after","count":3},{"status":503,"retry_after":1,"count":2}]}"#,
        );
        let said = left.map(|left| met(&plan, &left)).unwrap_or_default();
        assert!(said.starts_with("4 × 503, 4 × cut before the request was read, 1 × accepted"), "{said}");
        assert!(said.contains("0 × 503 with Retry-After"), "{said}");
    }
}
