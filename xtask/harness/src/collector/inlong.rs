//! What only InLong's part of the collector has.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Collector;
use crate::json::Json;

impl Collector {
    /// The address of its first node, as its Manager says.
    pub(crate) fn node(&self) -> Result<String, String> {
        self.listed("")
    }

    /// The address where it takes forms, as its Manager says.
    pub(crate) fn entrance(&self) -> Result<String, String> {
        self.listed("?protocolType=HTTP")
    }

    fn listed(&self, query: &str) -> Result<String, String> {
        let answer = self.post(&format!("/inlong/manager/openapi/dataproxy/getIpList/test_group{query}"))?;
        let nodes = answer.get("data").and_then(|data| data.get("nodeList")).map(Json::elements);
        let node =
            nodes.and_then(<[Json]>::first).ok_or_else(|| format!("the Manager names no node: {answer}"))?;
        Ok(format!("{}:{}", node.text_of("ip").unwrap_or_default(), node.count("port")))
    }

    /// Has it answer every frame and form with this code, heartbeats over HTTP as well, or as usual.
    pub(crate) fn set_state(&self, code: Option<u32>) -> Result<(), String> {
        let rule = |on: &str| {
            code.map(|code| format!(r#"{{"system":"inlong","on":"{on}","code":{code}}}"#)).unwrap_or_default()
        };
        let rules = [rule("messages"), rule("heartbeats")].join(if code.is_some() { "," } else { "" });
        self.set_faults(&Json::parse(&format!(r#"{{"faults":[{rules}]}}"#))?)
    }

    /// The frames that its messages came in, oldest first, each once.
    pub(crate) fn frames(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
        for record in self.records("good?raw=1", None)? {
            let request = record.get("request").map_or(0, |request| request.count("id"));
            let frame = record.text_of("frame").ok_or("a record without its frame")?;
            let frame = BASE64_STANDARD.decode(frame).map_err(|error| error.to_string())?;
            if frames.last().is_none_or(|(last, _)| *last != request) {
                frames.push((request, frame));
            }
        }
        Ok(frames.into_iter().map(|(_, frame)| frame).collect())
    }
}
