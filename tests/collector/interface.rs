//! The collector's own interface.

use serde_json::json;

use trackwire::collector::{Collector, CollectorError, Options};

use crate::client::{EVENTS, Server};

fn filled() -> Server {
    let server = Server::start();
    for at in 1..=5 {
        let user = at % 2;
        let body = format!(
            r#"[{{"eventType":"CUSTOM","eventName":"e{at}","userId":"u{user}"}},{{"eventType":"LOGIN_USER_ATTRIBUTES","userId":"u{user}"}}]"#
        );
        assert_eq!(server.post(EVENTS, &body), 204);
    }
    server
}

#[test]
fn filters() {
    let server = filled();
    assert_eq!(server.records("good").len(), 10);
    assert_eq!(server.names("good?kind=track"), ["e1", "e2", "e3", "e4", "e5"]);
    assert_eq!(server.names("good?kind=track&user=u1"), ["e1", "e3", "e5"]);
    assert_eq!(server.names("good?name=e4"), ["e4"]);
    assert_eq!(server.records("good?kind=user&user=u0").len(), 2);
    assert_eq!(server.records("good?system=growingio&kind=item").len(), 0);
    assert_eq!(server.names("good?name=e4&user=u1").len(), 0);
}

#[test]
fn pages_follow_one_another() {
    let server = filled();
    for order in ["asc", "desc"] {
        let mut seen = Vec::new();
        let mut after = String::new();
        let mut pages = 0;
        loop {
            let page = server.get(&format!("/trackwire/good?limit=2&kind=track&order={order}{after}")).json();
            let records = page["records"].as_array().unwrap();
            assert!(records.len() <= 2);
            seen.extend(records.iter().map(|record| record["id"].as_u64().unwrap()));
            pages += 1;
            match page["next"].as_u64() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        if order == "desc" {
            seen.reverse();
        }
        assert_eq!((seen, pages), (vec![1, 3, 5, 7, 9], 3));
    }
    assert_eq!(server.records("good?after=9").len(), 1);
    assert_eq!(server.records("good?after=10").len(), 0);
    assert_eq!(server.records("good?after=18446744073709551615").len(), 0);
    assert_eq!(server.records("good?after=0&order=desc").len(), 0);
    assert_eq!(server.get("/trackwire/good?limit=10").json()["next"], json!(null));
}

#[test]
fn wrong_parameters_are_named() {
    let server = Server::start();
    for (query, name) in [
        ("good?after=x", "after"),
        ("good?limit=-1", "limit"),
        ("good?kind=page", "kind"),
        ("good?system=none", "system"),
        ("good?order=up", "order"),
        ("good?nmae=x", "nmae"),
        ("bad?name=x", "name"),
        ("stream?after=x", "after"),
    ] {
        let answer = server.get(&format!("/trackwire/{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["error"].as_str().unwrap().starts_with(&format!("{name}: ")), "{query}");
    }
    // Too much is not wrong, it is just not given.
    assert_eq!(server.get("/trackwire/good?limit=99999999").status, 200);
}

#[test]
fn a_reset_forgets_and_ids_go_on() {
    let server = filled();
    server.post(EVENTS, "nonsense");
    let answer = server.request("POST", "/trackwire/reset", &[], b"").unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(
        server.stats(),
        json!({"good": 0, "bad": 0, "requests": 0,
            "by_system": {"growingio": {"good": 0, "bad": 0, "requests": 0, "bytes": 0},
                "inlong": {"good": 0, "bad": 0, "requests": 0, "bytes": 0}}})
    );
    assert_eq!(server.records("good").len() + server.records("bad").len(), 0);
    server.track("again").unwrap();
    assert_eq!(server.records("good")[0]["id"], 12);
}

#[test]
fn other_methods_and_paths() {
    let server = Server::start();
    for path in ["stats", "good", "bad", "stream", "package", "package.js"] {
        let answer = server.request("POST", &format!("/trackwire/{path}"), &[], b"").unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, OPTIONS")), "{path}");
    }
    assert_eq!(server.get("/trackwire/reset").status, 405);
    assert_eq!(server.get("/trackwire/other").status, 404);
    assert_eq!(server.get("/favicon.ico").status, 404);
    assert_eq!(server.request("HEAD", "/trackwire/stats", &[], b"").unwrap().status, 200);
    let answer = server.request("OPTIONS", "/trackwire/faults", &[], b"").unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (204, Some("GET, POST")));
    assert_eq!(server.request("OPTIONS", "/anything", &[], b"").unwrap().status, 204);
    // None of this is an event that went wrong.
    assert_eq!(server.stats()["bad"], 0);
}

#[test]
fn the_page_and_all_its_files_are_served() {
    let server = Server::start();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/www")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert!(names.len() >= 3);
    names.push(String::new());
    for name in names {
        let answer = server.get(&format!("/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        let expected = match name.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), Some(expected), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(
            answer.header("content-security-policy"),
            Some("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")
        );
        assert!(!answer.body.is_empty(), "{name}");
    }
}

#[test]
fn the_package_is_served_from_its_folder() {
    let about = |server: &Server| server.get("/trackwire/package").json();
    let server = Server::start();
    assert_eq!(about(&server)["script"], json!(null));
    assert!(about(&server)["missing"].as_str().unwrap().contains("--package"));
    assert_eq!(server.get("/trackwire/package.js").status, 404);

    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(Options { package: Some(folder.path().to_owned()), ..Options::default() });
    assert!(about(&server)["missing"].as_str().unwrap().contains("dist/growingio.js"));
    assert_eq!(server.get("/trackwire/package.js").status, 404);
    // Built while the collector runs: in `dist` of the package, or in the folder itself.
    for (place, content) in [("growingio.js", "export {};"), ("dist/growingio.js", "export default 1;")] {
        let file = folder.path().join(place);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        let found = about(&server);
        assert_eq!(found, json!({"script": "/trackwire/package.js", "missing": null}));
        let answer = server.get("/trackwire/package.js");
        assert_eq!((answer.status, answer.body), (200, content.as_bytes().to_vec()));
    }

    let file = Options { package: Some(folder.path().join("growingio.js")), ..Options::default() };
    assert!(matches!(Collector::spawn(file), Err(CollectorError::Package { .. })));
}
