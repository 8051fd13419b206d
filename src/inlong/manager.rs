//! The Manager's list of a group's nodes.

use std::borrow::Cow;
use std::fmt;

use super::options::{NodeAddress, Options, Protocol, Secret};
use crate::codec::base64::base64;
use crate::codec::json_read::Reader;
use crate::codec::json_write::write_string;
use crate::codec::number::write_int;
use crate::codec::percent::percent;
use crate::destination::Now;
use crate::http::{Body, Call, Request, Response};
use crate::{Value, inlong::check};

/// How much of what a Manager says goes into an error, characters.
const MESSAGE_CHARS: usize = 200;
/// The longest list that is read, bytes: some 40,000 nodes.
const MAX_ANSWER: usize = 4 << 20;
/// The Manager's own default.
const DEFAULT_LOAD: u32 = 20;

/// Asks the Manager for a group's nodes, as the vendor's C++ client does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeListCall {
    /// The address to which the group is appended.
    pub manager_url: String,
    /// The group.
    pub group: String,
    /// What the nodes are to speak.
    pub protocol: Protocol,
    /// Who asks, and the secret.
    pub auth: Option<(String, Secret)>,
    /// The address of this machine.
    pub ip: String,
}

/// A group's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeList {
    /// The cluster that the nodes belong to, if the Manager says which.
    pub cluster_id: Option<u32>,
    /// By how much loads must differ before it is worth moving. Default 20.
    pub load: u32,
    /// The largest packet that the cluster takes, bytes, if there is a limit.
    pub max_packet_length: Option<u32>,
    /// `isIntranet`, if it is said.
    pub is_intranet: Option<bool>,
    /// `isSwitch`, if it is said.
    pub is_switch: Option<bool>,
    /// The nodes; one at least, and none twice.
    pub nodes: Vec<Node>,
}

/// A DataProxy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The Manager's id, or the address where it gave none.
    pub id: String,
    /// Where it listens.
    pub address: NodeAddress,
    /// Its load, if it is known.
    pub load: Option<u32>,
}

/// Why an answer of the Manager is no node list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeListError {
    /// A status other than 200.
    Status(u16),
    /// No body.
    Empty,
    /// A body that is not JSON, or not of the form of a node list.
    Malformed {
        /// What is wrong.
        problem: Cow<'static, str>,
    },
    /// The Manager refuses: `success` is false.
    Refused {
        /// What it said, cut to 200 characters.
        message: String,
    },
    /// No node that can be used.
    NoNodes,
}

impl NodeListCall {
    /// Asks for the nodes of `group`, as the options say.
    pub fn new(options: &Options, group: impl Into<String>) -> Self {
        let auth = match (&options.auth_id, &options.auth_key) {
            (Some(id), Some(key)) if options.need_auth => Some((id.clone(), key.clone())),
            _ => None,
        };
        Self {
            manager_url: options.manager_url.clone(),
            group: group.into(),
            protocol: options.protocol,
            auth,
            ip: options.client_ip().into(),
        }
    }
}

impl Call for NodeListCall {
    type Output = NodeList;
    type Error = NodeListError;

    fn request(&self, _: Now) -> Request {
        let base = self.manager_url.strip_suffix('/').unwrap_or(&self.manager_url);
        let url = [base, "/", &percent(&self.group)].concat();
        let version = concat!("trackwire-", env!("CARGO_PKG_VERSION"));
        let form = ["ip=", &percent(&self.ip), "&version=", version, "&protocolType=", self.protocol.name()]
            .concat();
        let mut request = Request::post(url, Body::from(form.into_bytes()));
        request.max_answer = MAX_ANSWER;
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some((id, key)) = &self.auth {
            let credentials = base64([id, ":", key.expose()].concat().as_bytes());
            request = request.header("authorization", ["Basic ", &credentials].concat());
        }
        request
    }

    fn parse(&self, response: &Response) -> Result<NodeList, NodeListError> {
        if response.status != 200 {
            return Err(NodeListError::Status(response.status));
        }
        if response.body.is_empty() {
            return Err(NodeListError::Empty);
        }
        let text = String::from_utf8_lossy(&response.body);
        NodeList::read(&text, self.protocol)
    }
}

impl NodeList {
    /// A list of given nodes, as if the Manager had said it.
    pub fn fixed(addresses: &[NodeAddress]) -> Self {
        let mut list = Self::of(Vec::new());
        for address in addresses {
            list.add(Node { id: address.text(), address: address.clone(), load: None });
        }
        list
    }

    /// Reads the Manager's JSON. Nodes of the other protocol, without an address or with a strange one are left out.
    pub(super) fn read(text: &str, protocol: Protocol) -> Result<Self, NodeListError> {
        let malformed = |problem: &'static str| NodeListError::Malformed { problem: problem.into() };
        let mut reader = Reader::new(text);
        let answer = reader.value().and_then(|answer| reader.end().map(|()| answer));
        let answer = answer.map_err(|error| NodeListError::Malformed {
            problem: format!("it is not JSON from byte {} on", error.at).into(),
        })?;
        match field(&answer, "success") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                let message = field(&answer, "errMsg").and_then(text_of).unwrap_or("it gives no reason");
                return Err(NodeListError::Refused {
                    message: message.chars().take(MESSAGE_CHARS).collect(),
                });
            }
            _ => return Err(malformed("`success` is neither true nor false")),
        }
        let data = match field(&answer, "data") {
            Some(data @ Value::Map(_)) => data,
            None | Some(Value::Null) => return Err(NodeListError::NoNodes),
            Some(_) => return Err(malformed("`data` is no object")),
        };
        let nodes = match field(data, "nodeList") {
            Some(Value::List(nodes)) => nodes,
            None | Some(Value::Null) => return Err(NodeListError::NoNodes),
            Some(_) => return Err(malformed("`nodeList` is no list")),
        };
        let number = |name| field(data, name).and_then(int).and_then(|number| u32::try_from(number).ok());
        let mut list = Self {
            cluster_id: number("clusterId").filter(|&id| id != 0),
            load: number("load").unwrap_or(DEFAULT_LOAD),
            max_packet_length: number("maxPacketLength").filter(|&most| most != 0),
            is_intranet: number("isIntranet").map(|flag| flag != 0),
            is_switch: number("isSwitch").map(|flag| flag != 0),
            nodes: Vec::new(),
        };
        nodes.iter().filter_map(|node| read_node(node, protocol)).for_each(|node| list.add(node));
        if list.nodes.is_empty() { Err(NodeListError::NoNodes) } else { Ok(list) }
    }

    /// The list in the Manager's form, in one line.
    pub(super) fn to_json(&self, protocol: Protocol) -> String {
        let mut out = Vec::with_capacity(256 + self.nodes.len() * 128);
        let mut part = |name: &str, number: Option<i64>| {
            out.extend_from_slice(name.as_bytes());
            match number {
                Some(number) => write_int(&mut out, number),
                None => out.extend_from_slice(b"null"),
            }
        };
        part(r#"{"success":true,"errMsg":null,"data":{"clusterId":"#, self.cluster_id.map(i64::from));
        part(r#","reportSourceType":null,"isIntranet":"#, self.is_intranet.map(i64::from));
        part(r#","isSwitch":"#, self.is_switch.map(i64::from));
        part(r#","load":"#, Some(self.load.into()));
        part(r#","maxPacketLength":"#, self.max_packet_length.map(i64::from));
        out.extend_from_slice(br#","nodeList":["#);
        for (at, node) in self.nodes.iter().enumerate() {
            out.extend_from_slice(if at == 0 { br#"{"id":"# } else { br#",{"id":"# });
            match node.id.parse::<i32>() {
                Ok(id) if id.to_string() == node.id => write_int(&mut out, id.into()),
                _ => write_string(&mut out, &node.id),
            }
            out.extend_from_slice(br#","ip":"#);
            write_string(&mut out, &node.address.host);
            out.extend_from_slice(br#","port":"#);
            write_int(&mut out, node.address.port.into());
            out.extend_from_slice(br#","protocolType":"#);
            write_string(&mut out, protocol.name());
            out.extend_from_slice(br#","nodeLoad":"#);
            write_int(&mut out, node.load.map_or(-1, i64::from));
            out.push(b'}');
        }
        out.extend_from_slice(b"]}}");
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A list with nothing said besides its nodes.
    pub(crate) fn of(nodes: Vec<Node>) -> Self {
        Self {
            cluster_id: None,
            load: DEFAULT_LOAD,
            max_packet_length: None,
            is_intranet: None,
            is_switch: None,
            nodes,
        }
    }

    /// Adds a node unless its address is there.
    pub(crate) fn add(&mut self, node: Node) {
        if !self.nodes.iter().any(|other| other.address == node.address) {
            self.nodes.push(node);
        }
    }
}

impl NodeListError {
    /// Whether asking again at once may help: as the vendor's clients, only when there was no answer of the Manager itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Empty)
    }
}

fn read_node(node: &Value<'_>, protocol: Protocol) -> Option<Node> {
    let port = match field(node, "port")? {
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        port => u16::try_from(int(port)?).ok()?,
    };
    let host = text_of(field(node, "ip")?)?.trim();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let other = match field(node, "protocolType").and_then(text_of).map(str::parse::<Protocol>) {
        Some(Ok(spoken)) => spoken != protocol,
        _ => false,
    };
    if port == 0 || other || !check::is_host(host) {
        return None;
    }
    let address = NodeAddress::new(host, port);
    let id = match field(node, "id") {
        Some(Value::Int(id)) => id.to_string(),
        Some(Value::String(id)) if !id.is_empty() => id.chars().take(MESSAGE_CHARS).collect(),
        _ => address.to_string(),
    };
    let load = field(node, "nodeLoad").and_then(int).and_then(|load| u32::try_from(load).ok());
    Some(Node { id, address, load })
}

fn field<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    let Value::Map(pairs) = value else { return None };
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn int(value: &Value<'_>) -> Option<i64> {
    if let Value::Int(int) = value { Some(*int) } else { None }
}

fn text_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    if let Value::String(text) = value { Some(text) } else { None }
}

impl fmt::Display for NodeListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(403) => f.write_str(
                "the Manager answered 403: it wants `need_auth` with another `auth_id` or `auth_key`",
            ),
            Self::Status(404) => f.write_str("the Manager answered 404: look at the path of `manager_url`"),
            Self::Status(status) => write!(f, "the Manager answered {status}"),
            Self::Empty => f.write_str("the Manager answered nothing"),
            Self::Malformed { problem } => {
                write!(f, "the answer is not the Manager's: {problem}; look at `manager_url`")
            }
            Self::Refused { message } => write!(f, "the Manager refuses: {message}"),
            Self::NoNodes => {
                f.write_str("the Manager knows no node that can be used: look at the group's cluster")
            }
        }
    }
}

impl std::error::Error for NodeListError {}

#[cfg(test)]
mod tests;
