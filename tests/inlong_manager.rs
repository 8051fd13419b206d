//! The Manager's answers: those captured, a corpus, and any bytes at all.
#![cfg(feature = "inlong")]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use trackwire::http::{Call, Response};
use trackwire::inlong::{NodeList, NodeListCall, NodeListError, Options};

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn parse(status: u16, body: Vec<u8>) -> Result<NodeList, NodeListError> {
    NodeListCall::new(&Options::default(), "group").parse(&Response::new(status).body(body))
}

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
    fn any_configuration(text in "\\PC{0,200}", value in "(\"\\PC{0,20}\"|-?[0-9]{1,22}|true|null|\\[1\\]|\\{\\})", key in 0usize..6) {
        let _ = Options::from_config(&text);
        let key = ["pack_size", "inlong_group_ids", "nodes", "attributes", "extend_field", "manager_url"][key];
        if let Ok((options, _)) = Options::from_config(&format!("{{\"init-param\":{{\"{key}\":{value}}}}}")) {
            prop_assert!(options.check().is_ok());
        }
    }
}
