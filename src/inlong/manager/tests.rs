use super::*;

fn read(text: &str) -> Result<NodeList, NodeListError> {
    NodeList::read(text, Protocol::Tcp)
}

fn nodes(list: &str) -> Result<Vec<Node>, NodeListError> {
    read(&format!(r#"{{"success":true,"data":{{"nodeList":{list}}}}}"#)).map(|list| list.nodes)
}

fn node(id: &str, host: &str, port: u16, load: Option<u32>) -> Node {
    Node { id: id.into(), address: NodeAddress::new(host, port), load }
}

#[test]
fn asks_as_the_vendors_client_does() {
    let mut options = Options::new("http://manager:8083/inlong/manager/openapi/dataproxy/getIpList/");
    options.auth_id = Some("admin".into());
    options.auth_key = Some("secret1".into());
    options.ser_ip = Some("10.9.8.7".into());
    let version = env!("CARGO_PKG_VERSION");
    let request = NodeListCall::new(&options, "test_group").request(Now::default());
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "http://manager:8083/inlong/manager/openapi/dataproxy/getIpList/test_group");
    assert_eq!(request.headers, [("content-type".into(), "application/x-www-form-urlencoded".into())]);
    let body = format!("ip=10.9.8.7&version=trackwire-{version}&protocolType=TCP");
    assert_eq!(&request.body[..], body.as_bytes());

    options.need_auth = true;
    options.protocol = Protocol::Http;
    options.ser_ip = Some("fe80::1%eth0".into());
    let call = NodeListCall::new(&options, "a/b c?d");
    let request = call.request(Now::default());
    assert!(request.url.ends_with("/getIpList/a%2Fb%20c%3Fd"), "{}", request.url);
    assert_eq!(request.headers[1], ("authorization".into(), "Basic YWRtaW46c2VjcmV0MQ==".into()));
    let body = format!("ip=fe80%3A%3A1%25eth0&version=trackwire-{version}&protocolType=HTTP");
    assert_eq!(&request.body[..], body.as_bytes());
    assert!(!format!("{call:?}").contains("secret1"));
}

#[test]
fn all_fields_are_read() {
    let list = read(
        r#"{"success":true,"errMsg":null,"data":{"clusterId":7,"reportSourceType":null,"isIntranet":1,"isSwitch":0,
            "load":30,"maxPacketLength":524288,"nodeList":[
            {"id":1,"ip":"10.0.0.1","port":46801,"protocolType":"TCP","nodeLoad":-1},
            {"id":"two","ip":"proxy.example","port":"46802","protocolType":"tcp","nodeLoad":55}]}}"#,
    );
    let expected = NodeList {
        cluster_id: Some(7),
        load: 30,
        max_packet_length: Some(524_288),
        is_intranet: Some(true),
        is_switch: Some(false),
        nodes: vec![node("1", "10.0.0.1", 46_801, None), node("two", "proxy.example", 46_802, Some(55))],
    };
    assert_eq!(list, Ok(expected));
}

#[test]
fn where_the_clients_differ_it_is_lenient() {
    let list = read(
        r#"{"success":true,"data":{"clusterId":null,"load":-1,"maxPacketLength":0,
        "nodeList":[{"ip":"::1","port":1}]}}"#,
    );
    assert_eq!(list, Ok(NodeList::of(vec![node("[::1]:1", "::1", 1, None)])));
    let left_out = r#"[{"ip":"a"},{"port":1},{"ip":"a","port":0},{"ip":"a","port":65536},{"ip":"a","port":"1x"},
        {"ip":"a","port":"PORT"},{"ip":"a","port":-1},{"ip":"a","port":1.0},{"ip":"a/b","port":1},{"ip":"","port":1},
        {"ip":"a","port":1,"protocolType":"HTTP"},null,7,{"ip":{},"port":1},"#;
    let kept = r#"{"id":2,"ip":"a","port":"1","protocolType":null},{"id":3,"ip":"a","port":1}]"#;
    assert_eq!(
        nodes(&[left_out, kept].concat()),
        Ok(vec![node("2", "a", 1, None)]),
        "an address counts once"
    );
    assert_eq!(nodes(&[left_out, "null]"].concat()), Err(NodeListError::NoNodes));
}

#[test]
fn about_success_and_nodes_it_is_strict() {
    let call = NodeListCall::new(&Options::default(), "g");
    let parse = |status, body: &str| call.parse(&Response::new(status).body(body.into()));
    assert_eq!(parse(403, "<html>"), Err(NodeListError::Status(403)));
    assert_eq!(parse(200, ""), Err(NodeListError::Empty));
    let refused = |message: &str| Err(NodeListError::Refused { message: message.into() });
    assert_eq!(parse(200, r#"{"success":false,"errMsg":"no such group"}"#), refused("no such group"));
    assert_eq!(parse(200, r#"{"success":false}"#), refused("it gives no reason"));
    for body in [
        r#"{"success":"#,
        "<html>",
        "[]",
        r#"{"success":1}"#,
        r#"{"success":"true"}"#,
        r#"{"success":true,"data":[]}"#,
        r#"{"success":true,"data":{"nodeList":{}}}"#,
        r#"{"success":true,"success":false}"#,
        r#"{"success":true,"data":null}x"#,
    ] {
        let error = parse(200, body).expect_err(body);
        assert!(matches!(error, NodeListError::Malformed { .. }), "{body}: {error}");
        assert!(!error.is_passing());
    }
    for body in [
        r#"{"success":true}"#,
        r#"{"success":true,"data":null}"#,
        r#"{"success":true,"data":{"nodeList":null}}"#,
        r#"{"success":true,"data":{"nodeList":[]}}"#,
    ] {
        assert_eq!(parse(200, body), Err(NodeListError::NoNodes), "{body}");
    }
    assert!(NodeListError::Empty.is_passing() && NodeListError::Status(500).is_passing());
}

#[test]
fn what_is_written_is_read_again() {
    let mut list = NodeList::of(vec![
        node("1", "10.0.0.1", 46_801, None),
        node("01", "::1", 1, Some(3)),
        node("a\"b\n", "x", 65_535, Some(0)),
    ]);
    assert_eq!(read(&list.to_json(Protocol::Tcp)), Ok(list.clone()));
    list.cluster_id = Some(u32::MAX);
    list.max_packet_length = Some(1);
    list.is_intranet = Some(false);
    list.is_switch = Some(true);
    list.load = 0;
    let text = list.to_json(Protocol::Http);
    assert!(!text.contains('\n'));
    assert_eq!(NodeList::read(&text, Protocol::Http), Ok(list));
    assert_eq!(read(&text), Err(NodeListError::NoNodes), "of the other protocol");
}

#[test]
fn given_nodes_are_a_list_too() {
    let list =
        NodeList::fixed(&[NodeAddress::new("a", 1), NodeAddress::new("b", 2), NodeAddress::new("a", 1)]);
    assert_eq!(list.nodes, [node("a:1", "a", 1, None), node("b:2", "b", 2, None)]);
}
