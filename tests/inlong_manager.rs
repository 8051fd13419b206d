//! The Manager's answers: those captured, a corpus, and any bytes at all.
#![cfg(feature = "inlong")]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use trackwire::destination::{Now, TransportError, TransportErrorKind};
use trackwire::http::{Call, Response};
use trackwire::inlong::{Discovery, DiscoveryEvent, NodeList, NodeListCall, NodeListError, Options};

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn parse(status: u16, body: Vec<u8>) -> Result<NodeList, NodeListError> {
    NodeListCall::new(&Options::default(), "group").parse(&Response::new(status).body(body))
}

const NODES: &[u8] = br#"{"success":true,"data":{"nodeList":[{"ip":"10.0.0.1","port":46801}]}}"#;

/// Whatever the bytes, an answer that is taken names nodes that can be connected to.
fn check(body: Vec<u8>) -> Result<bool, TestCaseError> {
    let Ok(list) = parse(200, body) else { return Ok(false) };
    prop_assert!(!list.nodes.is_empty());
    for node in &list.nodes {
        prop_assert!(node.address.port != 0 && !node.id.is_empty());
        prop_assert_eq!(node.address.to_string().parse(), Ok(node.address.clone()));
    }
    Ok(true)
}

#[test]
fn captured_answers_and_requests() {
    let files: Vec<_> =
        files("vectors/inlong").into_iter().filter(|(name, _)| name.starts_with("manager_")).collect();
    assert_eq!(files.len(), 4);
    for (name, text) in files {
        let vector: Value = serde_json::from_slice(&text).unwrap();
        let answer = &vector["answer"];
        let body = answer["body"].as_str().map_or_else(|| answer["body"].to_string(), String::from);
        // Where the port differed from run to run, its name stands.
        let body = body.replace("\"PORT\"", "46801");
        let found = parse(answer["status"].as_u64().unwrap() as u16, body.into_bytes());
        match &*name {
            "manager_test_group_auth.json" => {
                let list = found.unwrap();
                assert_eq!((list.cluster_id, list.load, list.max_packet_length), (Some(1), 20, None));
                let [node] = &list.nodes[..] else { panic!("{list:?}") };
                assert_eq!(
                    (&*node.id, &*node.address.to_string(), node.load),
                    ("1", "127.0.0.1:46801", None)
                );
            }
            "manager_no_success_auth.json" => {
                let message = "group not found by groupId=no_success".into();
                assert_eq!(found, Err(NodeListError::Refused { message }));
            }
            "manager_empty_nodes_auth.json" => assert_eq!(found, Err(NodeListError::NoNodes)),
            "manager_bad_json_auth.json" => assert!(matches!(found, Err(NodeListError::Malformed { .. }))),
            _ => panic!("{name} is not known"),
        }
        same_request(&name, &vector["clients"]["cpp"]["requests"][0]);
    }
}

/// Ours is the request of the vendor's C++ client but for the version.
fn same_request(name: &str, captured: &Value) {
    let path = captured["path"].as_str().unwrap();
    let (base, group) = path.rsplit_once('/').unwrap();
    let mut options = Options::new(format!("http://manager{base}"));
    options.need_auth = true;
    options.auth_id = Some("admin".into());
    options.auth_key = Some("secret1".into());
    options.ser_ip = Some("10.9.8.7".into());
    let request = NodeListCall::new(&options, group).request(Default::default());
    assert_eq!(request.method, captured["method"], "{name}");
    assert_eq!(request.url, format!("http://manager{path}"), "{name}");
    let ours = String::from_utf8(request.body.to_vec()).unwrap();
    let version = format!("trackwire-{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(ours.replace(&version, "inlong-sdk-cpp-v3.2"), captured["body"], "{name}");
    for (header, value) in captured["headers"].as_object().unwrap() {
        let own = request.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(header));
        assert!(header == "Accept" || own.is_some_and(|(_, own)| value == &**own), "{name}: {header}");
    }
}

#[test]
fn the_corpus() {
    let files = files("corpus/inlong_manager");
    assert!(files.len() > 10);
    for (name, body) in files {
        let taken = check(body).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(taken, !name.starts_with("bad_"), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        check(body)?;
    }

    #[test]
    fn changed_answers(
        file in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut files = files("corpus/inlong_manager");
        files.retain(|(_, body)| !body.is_empty());
        let mut body = files[file.index(files.len())].1.clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        check(body.clone())?;
        body.truncate(cut.index(body.len()));
        check(body)?;
    }

    #[test]
    fn any_cache(
        text in "(\\[groupid[0-9]\\]\\n|groupid=[a-c&]{1,3}\\n|proxy_cfg=|\\{\"success\":true|,\"data\":|\\PC{0,9}|\\n){0,30}",
        lists in proptest::collection::vec(("[a-d]", any::<prop::sample::Index>()), 0..6),
    ) {
        let files = files("corpus/inlong_manager");
        let mut text = text;
        for (group, file) in lists {
            let json = String::from_utf8_lossy(&files[file.index(files.len())].1).replace(['\r', '\n'], " ");
            text.push_str(&format!("\n[groupid7]\ngroupid={group}\nproxy_cfg={json}\n"));
        }
        let mut discovery = Discovery::new(&Options::default(), 1);
        let _ = discovery.load_cache(&text);
        let kept = discovery.cache_text();
        let mut again = Discovery::new(&Options::default(), 1);
        prop_assert_eq!(again.load_cache(&kept), []);
        prop_assert_eq!(again.cache_text(), kept);
    }

    /// Whatever comes in which order, groups are asked for again, at most four at once, and a good Manager is heard.
    #[test]
    fn any_course(seed in any::<u64>(), steps in proptest::collection::vec((0u8..7, 0usize..6, 0u64..20_000), 0..200)) {
        let groups = ["a", "b", "c", "d", "e", "f"];
        let mut options = Options::default();
        options.inlong_group_ids = groups.iter().map(|group| group.to_string()).collect();
        let mut discovery = Discovery::new(&options, seed);
        let good = || Ok(Response::new(200).body(NODES.into()));
        let mut now = Now::default();
        let mut asking: Vec<(String, u64)> = Vec::new();
        for (what, group, wait) in steps {
            while let Some(ask) = discovery.poll(now) {
                asking.push((ask.group, now.mono + 6_000));
                asking.retain(|(_, until)| *until > now.mono);
                prop_assert!(asking.len() <= 4, "{:?}", asking);
            }
            prop_assert!(discovery.next_wake().is_some_and(|wake| wake > now.mono));
            let answer = match what {
                0 => Err(TransportError::new(TransportErrorKind::Timeout, "no answer")),
                1 => Ok(Response::new(503).retry_after("7")),
                2 => Ok(Response::new(200)),
                3 => Ok(Response::new(200).body(b"{}".to_vec())),
                4 => good(),
                5 => {
                    discovery.doubt(groups[group]);
                    continue;
                }
                _ => {
                    now.mono += wait;
                    continue;
                }
            };
            discovery.answered(groups[group], answer, now);
            if let Some(at) = asking.iter().position(|(name, _)| name == groups[group]) {
                asking.swap_remove(at);
            }
        }
        for _ in 0..200 {
            while let Some(ask) = discovery.poll(now) {
                discovery.answered(&ask.group, good(), now);
            }
            now.mono = now.mono.max(discovery.next_wake().unwrap_or(now.mono)).min(now.mono + 1_000);
        }
        prop_assert!(groups.iter().all(|group| discovery.nodes(group).is_some()));
        let mut changed = 0;
        while let Some(event) = discovery.event() {
            changed += usize::from(matches!(event, DiscoveryEvent::Changed { .. }));
        }
        prop_assert_eq!(changed, groups.len());
    }

    #[test]
    fn any_configuration(text in "\\PC{0,200}", value in "(\"\\PC{0,20}\"|-?[0-9]{1,22}|true|null|\\[1\\]|\\{\\})", key in 0usize..6) {
        let _ = Options::from_config(&text);
        let key = ["pack_size", "inlong_group_ids", "nodes", "attributes", "extend_field", "manager_url"][key];
        if let Ok((options, _)) = Options::from_config(&format!("{{\"init-param\":{{\"{key}\":{value}}}}}")) {
            prop_assert!(options.check().is_ok());
        }
    }
}
