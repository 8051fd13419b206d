//! The Manager's part that clients ask: the nodes of a group.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::http::fields;
use crate::received::{json, unescape};

/// What the paths begin with.
pub const PREFIX: &str = "/inlong/manager/openapi/dataproxy/";

/// The nodes of a group.
const BY_GROUP: &str = "getIpList/";

/// The nodes of a cluster, by its name.
const BY_CLUSTER: &str = "getIpListByClusterName/";

/// The load difference from which on clients are to move, as a Manager says it by default.
const LOAD_THRESHOLD: u32 = 20;

/// The nodes that a Manager knows.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    /// Where frames are taken.
    pub tcp: Vec<SocketAddr>,
    /// Where forms are taken.
    pub http: Vec<SocketAddr>,
    /// The largest packet that the cluster takes, in bytes; `None` is no limit.
    pub max_packet: Option<u32>,
}

/// The group or cluster that a path asks for; `None` when it is none of the Manager's.
pub fn asked(path: &str) -> Option<String> {
    let rest = path.strip_prefix(PREFIX)?;
    let name = rest.strip_prefix(BY_GROUP).or_else(|| rest.strip_prefix(BY_CLUSTER))?;
    (!name.is_empty()).then(|| unescape(name, false))
}

/// The `protocolType` of a query or a form, where it is given.
pub fn protocol(query: &str, body: &[u8]) -> Option<String> {
    let fields = [fields(query), fields(&String::from_utf8_lossy(body))].into_iter().flatten().flatten();
    fields.filter(|(name, value)| name == "protocolType" && !value.is_empty()).map(|(_, value)| value).next()
}

/// Whether the header `authorization` is `Basic` and the Base64 of exactly this id and key.
pub fn is_authorized(header: Option<&str>, id: &str, key: &str) -> bool {
    let Some((scheme, value)) = header.and_then(|header| header.split_once(' ')) else { return false };
    let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(decoded) = decoded else { return false };
    let mut parts = decoded.split(':');
    scheme == "Basic" && (parts.next(), parts.next(), parts.next()) == (Some(id), Some(key), None)
}

/// The node list for a protocol, in any case; without one, the nodes that take frames.
pub fn answer(nodes: &Nodes, protocol: Option<&str>) -> String {
    let protocol = protocol.unwrap_or("TCP").to_ascii_uppercase();
    let list = nodes.tcp.iter().map(|node| ("TCP", node)).chain(nodes.http.iter().map(|node| ("HTTP", node)));
    let mut found = String::new();
    for (at, (kind, node)) in list.enumerate().filter(|(_, (kind, _))| *kind == protocol) {
        if !found.is_empty() {
            found.push(',');
        }
        found.push_str(&format!(
            "{{\"id\":{},\"ip\":\"{}\",\"port\":{},\"protocolType\":\"{kind}\",\"nodeLoad\":-1}}",
            at + 1,
            node.ip(),
            node.port(),
        ));
    }
    let max_packet = nodes.max_packet.map_or("null".to_owned(), |bytes| bytes.to_string());
    let (cluster, list) = match found.is_empty() {
        true => ("null", "null".to_owned()),
        false => ("1", format!("[{found}]")),
    };
    format!(
        "{{\"success\":true,\"errMsg\":null,\"data\":{{\"clusterId\":{cluster},\"reportSourceType\":null,\"isIntranet\":null,\
         \"isSwitch\":null,\"load\":{LOAD_THRESHOLD},\"maxPacketLength\":{max_packet},\"nodeList\":{list}}}}}"
    )
}

/// The answer that there is no list: with HTTP 200, too.
pub fn refused(message: &str) -> String {
    let mut out = String::from("{\"success\":false,\"errMsg\":");
    json::string(message, &mut out);
    out.push_str(",\"data\":null}");
    out
}
