use super::*;
use crate::inlong::{NodeAddress, Protocol};

fn read(params: &str) -> Result<(Options, Vec<Notice>), ConfigError> {
    Options::from_config(&format!("{{\"init-param\": {{{params}}}}}"))
}

fn refused(params: &str) -> OptionError {
    match read(params) {
        Err(ConfigError::Option(error)) => error,
        other => panic!("{params}: {other:?}"),
    }
}

/// A file with every key that the vendor's clients read, with their defaults.
const ALL: &str = r#"
    "inlong_group_ids": " b_test_1 , b_test_2,", "manager_url": "http://manager:8083/inlong/manager/openapi/dataproxy/getIpList",
    "manager_update_interval": 2, "manager_url_timeout": 5, "msg_type": 7, "max_proxy_num": 8,
    "per_groupid_thread_nums": 1, "dispatch_interval_zip": 8, "dispatch_interval_send": 10,
    "load_balance_interval": 300000, "heart_beat_interval": 60000, "recv_buf_size": 10240000, "send_buf_size": 10240000,
    "max_group_id_num": 50, "max_stream_id_num": 50, "max_cache_num": 10, "enable_share_msg": true, "enable_pack": true,
    "pack_size": 409600, "pack_timeout": 3000, "ext_pack_size": 409600, "enable_zip": true, "min_zip_len": 512,
    "tcp_detection_interval": 60000, "tcp_idle_time": 600000, "enable_tcp_nagle": true, "enable_balance": true,
    "retry_times": 1, "proxy_repeat_times": 1, "enable_local_cache": true, "isolation_level": 2, "log_num": 5,
    "log_size": 104857600, "log_level": 2, "log_path": "./", "need_auth": true, "auth_id": "admin", "auth_key": "secret1",
    "ser_ip": "10.9.8.7", "ser_port": 46801, "enable_setaffinity": false, "mask_cpuaffinity": 255, "extend_field": 0,
    "max_instance": 30, "extend_report": false, "is_internal": true"#;

#[test]
fn the_vendors_file_is_taken_as_it_is() {
    let (options, notices) = read(ALL).expect("all keys are known");
    let expected = Options {
        inlong_group_ids: vec!["b_test_1".into(), "b_test_2".into()],
        manager_url: "http://manager:8083/inlong/manager/openapi/dataproxy/getIpList".into(),
        need_auth: true,
        auth_id: Some("admin".into()),
        auth_key: Some("secret1".into()),
        ser_ip: Some("10.9.8.7".into()),
        pack_size: Some(409_600),
        cache_file: Some(".proxy_list.ini".into()),
        ..Options::default()
    };
    assert_eq!(options, expected, "the rest are the defaults");
    let dead: Vec<&str> = notices.iter().map(|notice| &*notice.key).collect();
    let without_effect = "per_groupid_thread_nums dispatch_interval_zip dispatch_interval_send max_cache_num \
        enable_share_msg enable_tcp_nagle log_num log_size log_level log_path ser_port enable_setaffinity \
        mask_cpuaffinity max_instance is_internal";
    assert_eq!(dead, without_effect.split_whitespace().collect::<Vec<_>>());
    assert!(notices.iter().all(|notice| notice.kind == NoticeKind::NoEffect));
    assert!(notices[1].to_string().starts_with("`dispatch_interval_zip` has no effect: "));
}

#[test]
fn nothing_given_is_the_defaults() {
    assert_eq!(read(""), Ok((Options::default(), Vec::new())));
    assert_eq!(read("").map(|(options, _)| options.max_frame(None)), Ok(65_536), "`pack_size` is not given");
}

#[test]
fn every_key_refuses_the_wrong_type_by_name() {
    for key in
        LIVE.iter().map(|row| row.0).chain(DEAD.iter().map(|row| row.0)).filter(|key| *key != "is_internal")
    {
        for value in ["null", "1.5", "[1]"] {
            let error = refused(&format!("\"{key}\": {value}"));
            assert_eq!(error.option, key);
            assert!(error.problem.contains("give "), "{error}");
            assert_eq!(error.code(), 5);
        }
    }
    for (params, option) in [
        (r#""pack_size": "4096""#, "pack_size"),
        (r#""enable_zip": 1"#, "enable_zip"),
        (r#""auth_id": 7"#, "auth_id"),
        (r#""log_size": "10""#, "log_size"),
        (r#""attributes": {"a": 1}"#, "attributes"),
    ] {
        assert_eq!(refused(params).option, option);
    }
}

#[test]
fn every_number_has_bounds() {
    for (params, option) in [
        (r#""msg_type": 9"#, "msg_type"),
        (r#""msg_type": 1"#, "msg_type"),
        (r#""pack_size": 0"#, "pack_size"),
        (r#""pack_timeout": -1"#, "pack_timeout"),
        (r#""retry_times": 0"#, "retry_times"),
        (r#""isolation_level": 0"#, "isolation_level"),
        (r#""log_level": 5"#, "log_level"),
        (r#""proxy_repeat_times": -1"#, "proxy_repeat_times"),
        (r#""recv_buf_size": 2147483648"#, "recv_buf_size"),
        (r#""recv_buf_size": 99999999999999999999"#, "recv_buf_size"),
        (r#""ext_pack_size": 10"#, "ext_pack_size"),
        (r#""extend_field": 65536"#, "extend_field"),
    ] {
        let error = refused(params);
        assert_eq!(error.option, option);
        assert!(error.problem.starts_with("is "), "{error}");
    }
    assert_eq!(refused(r#""msg_type": 9"#).to_string(), "`msg_type` is 9: give 1 to 8");
}

#[test]
fn what_means_something_else_is_said() {
    let (options, notices) = read(r#""enable_pack": false"#).expect("it is taken");
    assert!(!options.enable_pack);
    assert_eq!(notices.iter().map(|notice| notice.kind).collect::<Vec<_>>(), [NoticeKind::Different]);
    let error = refused(r#""extend_report": true"#);
    assert_eq!(error.option, "extend_report");
    assert!(error.problem.contains("not supported"));
}

#[test]
fn old_and_unknown_keys_are_named() {
    let (options, notices) =
        read(r#""min_ziplen": 9, "retry_ms": "x", "pack_siz\u0001e": {}"#).expect("they are taken");
    assert_eq!(options, Options::default());
    let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::Renamed, NoticeKind::Renamed, NoticeKind::Unknown]);
    assert_eq!(notices[0].to_string(), "`min_ziplen` is no longer known: use `min_zip_len`");
    assert_eq!(notices[2].key, "pack_siz\\u{1}e");
    let (_, notices) =
        Options::from_config(r#"{"x": [], "init-param": {}}"#).expect("others may stand beside");
    assert_eq!(notices[0].key, "x");
}

#[test]
fn our_own_keys_stand_there_too() {
    let (options, notices) = read(
        r#""nodes": "10.0.0.1:46802,[::1]:1", "protocol": "tcp", "attributes": {"region": "eu"}, "is_ack": false,
           "request_timeout": 5000, "max_in_flight": 1, "max_age": 60000, "enable_local_cache": true, "cache_file": "x.ini""#,
    )
    .expect("all are known");
    assert_eq!(notices, []);
    let expected = Options {
        nodes: vec![NodeAddress::new("10.0.0.1", 46_802), NodeAddress::new("::1", 1)],
        protocol: Protocol::Tcp,
        attributes: vec![("region".into(), "eu".into())],
        is_ack: false,
        request_timeout: 5_000,
        max_in_flight: 1,
        max_age: 60_000,
        cache_file: Some("x.ini".into()),
        ..Options::default()
    };
    assert_eq!(options, expected);
    let (options, _) =
        read(r#""protocol": "HTTP", "http_url": "/dataproxy/message""#).expect("a fixed endpoint");
    assert!(!options.asks_manager());
    assert_eq!(refused(r#""nodes": "10.0.0.1""#).option, "nodes");
    assert_eq!(refused(r#""protocol": "udp""#).option, "protocol");
}

#[test]
fn the_cache_is_off_unless_it_is_named() {
    let cache = |params: &str| read(params).expect(params).0.cache_file;
    assert_eq!(cache(""), None);
    assert_eq!(cache(r#""enable_local_cache": false"#), None);
    assert_eq!(cache(r#""enable_local_cache": true"#).as_deref(), Some(".proxy_list.ini"));
    assert_eq!(cache(r#""cache_file": "x", "enable_local_cache": true"#).as_deref(), Some("x"));
}

#[test]
fn files_that_are_none() {
    for text in ["", " ", "{", "{\"init-param\":", "{\"init-param\":{}", "{\"init-param\":{}}x", "\u{1}"] {
        let error = Options::from_config(text).expect_err(text);
        assert!(matches!(error, ConfigError::NotJson { .. }), "{text}: {error}");
        assert_eq!(error.code(), 5);
    }
    let error = Options::from_config("{\n  \"init-param\": {\n    \"größe\": 1;\n").expect_err("no comma");
    assert!(matches!(error, ConfigError::NotJson { line: 3, column: 15, .. }), "{error}");
    let error = refused(r#""attributes": {"a": "x", "b": 1}"#).to_string();
    assert!(error.contains("`b` that is a whole number"), "{error}");
    for text in ["{}", "[]", "1", "{\"init-param\":7}", "{\"init_param\":{}}"] {
        assert_eq!(Options::from_config(text), Err(ConfigError::NoInitParam), "{text}");
    }
    let twice = ConfigError::Duplicate { key: "pack_size".into() };
    assert_eq!(read(r#""pack_size": 1, "pack_size": 1"#), Err(twice));
    let twice = ConfigError::Duplicate { key: "init-param".into() };
    assert_eq!(Options::from_config(r#"{"init-param":{},"init-param":{}}"#), Err(twice));
    assert!(Options::from_config("\u{feff}{\"init-param\":{}}").is_ok());
}

#[test]
fn errors_do_not_show_secrets() {
    let error = read(r#""need_auth": true, "auth_id": "admin", "auth_key": "se:cret""#).expect_err("a colon");
    assert!(!error.to_string().contains("cret") && !format!("{error:?}").contains("cret"));
}
