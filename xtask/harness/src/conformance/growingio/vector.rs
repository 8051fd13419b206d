//! A case as its file describes it. Unknown keys are ignored.

use crate::capture::Answer;
use crate::json::Json;

/// One case.
pub(super) struct Vector {
    pub(super) peer: Peer,
    /// The peer shows a bug or an artefact here, which need not be matched.
    pub(super) quirk: bool,
    pub(super) config: Json,
    pub(super) calls: Vec<Call>,
    pub(super) expected: Vec<Expected>,
    /// The calls that must raise; `None` when the case does not say.
    pub(super) raised: Option<Raised>,
    /// Scripted answers, in the order of the requests; 204 after them.
    pub(super) answers: Vec<Answer>,
}

/// Whose behaviour a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// No validation and no retries; request boundaries and clock are exact.
    Python,
    /// Validation on; only the records per path are defined.
    Java,
}

/// One call of the API.
pub(super) struct Call {
    pub(super) op: String,
    /// The clock from this call on.
    pub(super) at_ms: Option<u64>,
    pub(super) repeat: usize,
    /// For `wait_requests`: how many must have arrived.
    pub(super) count: usize,
    pub(super) args: Json,
}

/// One request that must arrive.
pub(super) struct Expected {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) format: String,
    pub(super) layers: Vec<String>,
    pub(super) body: Json,
}

/// Which calls must raise, as far as the case says.
pub(super) enum Raised {
    /// These, by index.
    Calls(Vec<usize>),
    /// So many.
    Count(usize),
}

impl Vector {
    /// Reads a case.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file = Json::parse(text)?;
        let calls = file.get("calls").map(Json::elements).unwrap_or_default();
        let expected = match file.get("expected") {
            Some(Json::Array(requests)) => requests.iter().map(Expected::read).collect::<Result<_, _>>()?,
            Some(request) => vec![Expected::read(request)?],
            None => Vec::new(),
        };
        Ok(Self {
            peer: if file.text_of("peer") == Some("java") { Peer::Java } else { Peer::Python },
            quirk: file.get("quirk") == Some(&Json::Bool(true)),
            config: file.get("config").cloned().unwrap_or(Json::Null),
            calls: calls.iter().map(Call::read).collect::<Result<_, _>>()?,
            expected,
            raised: file.get("expected_errors").map(Raised::read),
            answers: file
                .get("responses")
                .map(Json::elements)
                .unwrap_or_default()
                .iter()
                .map(answer)
                .collect(),
        })
    }

    /// A text of the configuration.
    pub(super) fn config(&self, key: &str) -> Option<&str> {
        self.config.text_of(key)
    }

    /// A whole number of the configuration.
    pub(super) fn config_number(&self, key: &str) -> Option<u64> {
        self.config.get(key).and_then(Json::int).and_then(|n| u64::try_from(n).ok())
    }
}

impl Call {
    fn read(json: &Json) -> Result<Self, String> {
        let number = |key: &str| json.get(key).and_then(Json::int).and_then(|n| u64::try_from(n).ok());
        Ok(Self {
            op: json.text_of("op").ok_or("a call without `op`")?.to_owned(),
            at_ms: number("at_ms"),
            repeat: number("repeat").map_or(1, |n| n as usize),
            count: number("count").map_or(0, |n| n as usize),
            args: json.get("args").cloned().unwrap_or(Json::Object(Vec::new())),
        })
    }
}

impl Expected {
    fn read(json: &Json) -> Result<Self, String> {
        let texts = |key: &str| -> Vec<(String, String)> {
            let members = json.get(key).map(Json::members).unwrap_or_default();
            members.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        Ok(Self {
            method: json.text_of("method").unwrap_or("POST").to_owned(),
            path: json.text_of("path").ok_or("an expected request without `path`")?.to_owned(),
            query: texts("query"),
            headers: texts("headers"),
            format: json.text_of("body_format").unwrap_or("json").to_owned(),
            layers: json
                .get("body_layers")
                .map(Json::elements)
                .unwrap_or_default()
                .iter()
                .map(text)
                .collect(),
            body: json.get("body").cloned().unwrap_or(Json::Null),
        })
    }

    /// The value of a header, absent when the case lists none.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Raised {
    fn read(json: &Json) -> Self {
        if let Some(count) = json.int() {
            return Self::Count(usize::try_from(count).unwrap_or(0));
        }
        let errors = json.elements();
        let index = |error: &Json| {
            let index = [Some(error), error.get("call"), error.get("index")];
            index.into_iter().flatten().find_map(Json::int).and_then(|n| usize::try_from(n).ok())
        };
        let indices: Vec<usize> = errors.iter().filter_map(index).collect();
        if indices.len() == errors.len() { Self::Calls(indices) } else { Self::Count(errors.len()) }
    }
}

fn answer(json: &Json) -> Answer {
    let status =
        json.int().or_else(|| json.get("status")?.int()).and_then(|status| u16::try_from(status).ok());
    status.filter(|status| *status >= 200).map_or(Answer::Cut, Answer::Status)
}

/// A string as it is, anything else as JSON.
fn text(json: &Json) -> String {
    json.text().map_or_else(|| json.to_string(), str::to_owned)
}
