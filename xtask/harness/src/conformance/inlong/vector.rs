//! A case as its file describes it. Unknown keys are ignored.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::json::Json;

/// One case.
pub(super) struct Vector {
    pub(super) kind: Kind,
    /// The configuration of the vendor's client.
    pub(super) config: Json,
    /// Its calls, each in its client's own form.
    pub(super) calls: Vec<Json>,
    /// The lines that it said.
    pub(super) output: Vec<String>,
    /// What it asked the Manager.
    pub(super) manager_requests: Vec<ManagerRequest>,
    /// What differs from run to run, in words.
    volatile: Vec<String>,
    /// What the server handed on; `None` when the case does not say.
    pub(super) events: Option<Vec<Event>>,
}

/// What was captured, told by what the file holds.
pub(super) enum Kind {
    /// A client's frames with the server's answers.
    Frames(Vec<Exchange>),
    /// A client's HTTP requests with the server's answers.
    Forms(Vec<HttpExchange>),
    /// Frames built by hand, with all that the server answered.
    RawFrames { requests: Vec<Vec<u8>>, answers: Vec<Vec<u8>>, closed: bool },
    /// HTTP requests built by hand, on one connection, with all that the server answered.
    RawHttp { request: Vec<u8>, answer: Vec<u8>, closed: bool },
    /// A Manager's answer with what each client asked.
    Manager { status: u16, body: String, requests: Vec<ManagerRequest> },
}

/// Whose client it was, told by the form of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Producer {
    Cpp,
    Go,
    Java,
}

/// A frame and its answer, `None` where there was none.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) request: Vec<u8>,
    pub(super) answer: Option<Vec<u8>>,
}

/// An HTTP request as it was sent, and the answer.
#[derive(Clone)]
pub(super) struct HttpExchange {
    pub(super) request: Vec<u8>,
    pub(super) answer: Vec<u8>,
}

/// A request for a node list.
#[derive(Clone)]
pub(super) struct ManagerRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// A pack as the server handed it on.
pub(super) struct Event {
    pub(super) records: Vec<Record>,
    /// The vendor's reader could not read it.
    pub(super) unreadable: bool,
}

/// What the vendor's reader made of one stored item.
pub(super) struct Record {
    pub(super) attributes: String,
    pub(super) data: Vec<u8>,
}

impl Vector {
    /// Reads a case.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file = Json::parse(text)?;
        let list = |key: &str| file.get(key).map(Json::elements).unwrap_or_default();
        let events = match file.get("server_events") {
            Some(events) => Some(events.elements().iter().map(Event::read).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(Self {
            kind: Kind::read(&file)?,
            config: file.get("config").cloned().unwrap_or(Json::Null),
            calls: list("calls").to_vec(),
            output: list("client_output").iter().filter_map(Json::text).map(str::to_owned).collect(),
            manager_requests: list("manager_requests").iter().map(ManagerRequest::read).collect(),
            volatile: list("volatile").iter().filter_map(Json::text).map(str::to_owned).collect(),
            events,
        })
    }

    /// Whether a field, or the attribute of this name, differs from run to run.
    pub(super) fn is_volatile(&self, name: &str) -> bool {
        self.volatile.iter().any(|text| {
            let text = text.strip_prefix("attr ").unwrap_or(text);
            text.split([' ', ',', '(']).next() == Some(name)
        })
    }

    /// Whose client it was.
    pub(super) fn producer(&self) -> Producer {
        match (self.config.get("init-param"), self.config.get("kind")) {
            (Some(_), _) => Producer::Cpp,
            (None, Some(_)) => Producer::Java,
            (None, None) => Producer::Go,
        }
    }
}

impl Kind {
    fn read(file: &Json) -> Result<Self, String> {
        let list = |key: &str| file.get(key).map(Json::elements);
        let closed = file.get("server_closed_connection") == Some(&Json::Bool(true));
        if let Some(exchanges) = list("exchanges") {
            return exchanges.iter().map(Exchange::read).collect::<Result<_, _>>().map(Self::Frames);
        }
        if let Some(exchanges) = list("http_exchanges") {
            return Ok(Self::Forms(exchanges.iter().map(HttpExchange::read).collect()));
        }
        if let (Some(clients), Some(answer)) = (file.get("clients"), file.get("answer")) {
            let requests = clients.members().iter().filter_map(|(_, client)| client.get("requests"));
            let requests = requests.flat_map(Json::elements).map(ManagerRequest::read).collect();
            let status = answer.get("status").and_then(Json::int).and_then(|code| u16::try_from(code).ok());
            let body = answer.get("body").map(text_or_json).unwrap_or_default();
            return Ok(Self::Manager { status: status.unwrap_or(200), body, requests });
        }
        if let Some(requests) = list("requests") {
            let answers = list("responses").unwrap_or_default().iter();
            let answers = answers.filter_map(|answer| answer.text_of("base64")).map(bytes);
            return Ok(Self::RawFrames {
                requests: requests.iter().map(whole).collect::<Result<_, _>>()?,
                answers: answers.collect::<Result<_, _>>()?,
                closed,
            });
        }
        let request = file.get("request").ok_or("it holds no exchanges, requests, request or clients")?;
        let answer = file.text_of("response").unwrap_or_default().as_bytes().to_vec();
        Ok(Self::RawHttp { request: whole(request)?, answer, closed })
    }
}

impl Exchange {
    fn read(json: &Json) -> Result<Self, String> {
        Ok(Self {
            request: bytes(json.text_of("request_base64").ok_or("an exchange without `request_base64`")?)?,
            answer: json.text_of("response_base64").map(bytes).transpose()?,
        })
    }
}

impl HttpExchange {
    fn read(json: &Json) -> Self {
        let message = |head: &str, body: &str| {
            let head = json.get(head).map(Json::elements).unwrap_or_default().iter().filter_map(Json::text);
            let head: String = head.map(|line| format!("{line}\r\n")).collect();
            format!("{head}\r\n{}", json.text_of(body).unwrap_or_default()).into_bytes()
        };
        Self {
            request: message("request_head", "request_body"),
            answer: message("response_head", "response_body"),
        }
    }
}

impl ManagerRequest {
    fn read(json: &Json) -> Self {
        let text = |key: &str| json.text_of(key).unwrap_or_default().to_owned();
        let headers = json.get("headers").map(Json::members).unwrap_or_default().iter();
        Self {
            method: text("method"),
            path: text("path"),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), text_or_json(value))).collect(),
            body: text("body"),
        }
    }

    /// The value of a header (lower case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl Event {
    fn read(json: &Json) -> Result<Self, String> {
        let records = json.get("records").map(Json::elements).unwrap_or_default().iter();
        let record = |record: &Json| {
            let attributes = record.text_of("attr").unwrap_or_default().to_owned();
            Ok(Record { attributes, data: bytes(record.text_of("data").unwrap_or_default())? })
        };
        Ok(Self {
            records: records.map(record).collect::<Result<_, String>>()?,
            unreadable: json.get("decodeError").is_some(),
        })
    }
}

/// What was sent, as text or in base64, or its beginning, whose last byte goes on for as long as `total_bytes` says.
fn whole(json: &Json) -> Result<Vec<u8>, String> {
    if let Some(text) = json.text_of("text") {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(base64) = json.text_of("base64") {
        return bytes(base64);
    }
    let mut request = match (json.text_of("text_head"), json.text_of("base64_head")) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(base64)) => bytes(base64)?,
        (None, None) => return Err("a request without `text` or `base64`".to_owned()),
    };
    let total = json.get("total_bytes").and_then(Json::int).and_then(|total| usize::try_from(total).ok());
    let last = request.last().copied().ok_or("a request without a byte")?;
    request.resize(total.ok_or("a request without `total_bytes`")?.max(request.len()), last);
    Ok(request)
}

fn bytes(base64: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(base64).map_err(|error| format!("base64: {error}"))
}

/// A string as it is, anything else as JSON.
fn text_or_json(json: &Json) -> String {
    json.text().map_or_else(|| json.to_string(), str::to_owned)
}
