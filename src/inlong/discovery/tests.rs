use super::*;
use crate::destination::TransportErrorKind;
use crate::inlong::options::{NodeAddress, Protocol};

type Answer = Result<Response, TransportError>;

/// A driver with a virtual clock: what each request is answered, and when it was sent.
struct World<F> {
    discovery: Discovery,
    manager: F,
    now: u64,
    /// Time, group.
    asked: Vec<(u64, String)>,
    events: Vec<(u64, DiscoveryEvent)>,
}

impl<F: FnMut(&str, u64) -> Answer> World<F> {
    fn new(discovery: Discovery, manager: F) -> Self {
        Self { discovery, manager, now: 0, asked: Vec::new(), events: Vec::new() }
    }

    /// Plays on; answers come at once.
    fn until(&mut self, end: u64) -> &mut Self {
        loop {
            let now = Now { mono: self.now, wall: self.now };
            while let Some(ask) = self.discovery.poll(now) {
                self.asked.push((self.now, ask.group.clone()));
                let answer = (self.manager)(&ask.group, self.now);
                self.discovery.answered(&ask.group, answer, now);
            }
            while let Some(event) = self.discovery.event() {
                self.events.push((self.now, event));
            }
            match self.discovery.next_wake() {
                Some(wake) if wake <= end => {
                    assert!(wake > self.now, "it wakes at {wake} for nothing");
                    self.now = wake;
                }
                _ => break,
            }
        }
        self.now = end;
        self
    }

    fn times(&self) -> Vec<u64> {
        self.asked.iter().map(|(at, _)| *at).collect()
    }

    fn changes(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, DiscoveryEvent::Changed { .. })).count()
    }
}

fn options(groups: &[&str]) -> Options {
    Options { inlong_group_ids: groups.iter().map(|group| group.to_string()).collect(), ..Options::default() }
}

fn good(host: &str) -> Answer {
    let list = NodeList::fixed(&[NodeAddress::new(host, 46_801)]);
    Ok(Response::new(200).body(list.to_json(Protocol::Tcp).into_bytes()))
}

fn down() -> Answer {
    Err(TransportError::new(TransportErrorKind::Connect, "connection refused"))
}

fn status(status: u16) -> Answer {
    Ok(Response::new(status).body("<html>".into()))
}

fn refused() -> Answer {
    Ok(Response::new(200).body(br#"{"success":false,"errMsg":"no such group"}"#.to_vec()))
}

fn at(mono: u64) -> Now {
    Now { mono, wall: mono }
}

#[test]
fn every_interval_one_request_for_each_group() {
    let mut world = World::new(Discovery::new(&options(&["a", "b"]), 7), |group, _| good(group));
    world.until(0);
    assert_eq!(world.asked, [(0, "a".into()), (0, "b".into())]);
    assert_eq!(world.discovery.nodes("b").map(|list| &*list.nodes[0].address.host), Some("b"));
    world.until(20 * 60_000);
    for group in ["a", "b"] {
        let times: Vec<u64> = world.asked.iter().filter(|ask| ask.1 == group).map(|ask| ask.0).collect();
        assert!(times.len() >= 10, "{times:?}");
        assert!(times.windows(2).all(|pair| (120_000..130_000).contains(&(pair[1] - pair[0]))), "{times:?}");
    }
    assert_eq!(world.changes(), 2, "the same list is no news");
    assert_eq!(world.events.len(), 2);
}

#[test]
fn a_refresh_is_four_attempts_where_that_can_help() {
    let empty = || Ok(Response::new(200));
    for answer in [down, || status(403), || status(500), empty] {
        let mut world = World::new(Discovery::new(&options(&["a"]), 7), move |_, _| answer());
        world.until(2_500);
        let times = world.times();
        assert_eq!(times.len(), 4, "{times:?}");
        let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            waits[0] <= 50 && (500..=625).contains(&waits[1]) && (1_000..=1_250).contains(&waits[2]),
            "{waits:?}"
        );
    }
    for answer in [refused, || Ok(Response::new(200).body(b"{\"success\":".to_vec()))] {
        let mut world = World::new(Discovery::new(&options(&["a"]), 7), move |_, _| answer());
        world.until(900);
        assert_eq!(world.times(), [0]);
    }
}

#[test]
fn the_first_list_is_there_soon_after_the_manager_is() {
    for back in [1_000, 60_000, 3_600_000] {
        for seed in 0..20 {
            let groups = ["a", "b", "c", "d", "e", "f", "g"];
            let manager = move |group: &str, now| if now < back { down() } else { good(group) };
            let mut world = World::new(Discovery::new(&options(&groups), seed), manager);
            world.until(back + 10_000);
            assert_eq!(world.changes(), groups.len(), "back after {back}, seed {seed}");
            let told = world.events.iter().any(|(_, event)| {
                matches!(event, DiscoveryEvent::Failed { without_nodes: true, problem, .. } if problem.contains("refused"))
            });
            assert!(told || back < 60_000);
        }
    }
}

#[test]
fn a_silent_manager_is_not_stormed() {
    let groups: Vec<String> = (0..50).map(|group| format!("g{group}")).collect();
    let groups: Vec<&str> = groups.iter().map(|group| &**group).collect();
    let mut world = World::new(Discovery::new(&options(&groups), 1), |_, _| down());
    world.until(60_000);
    world.asked.clear();
    world.until(3_660_000);
    // Four attempts each 5 to 10 s; the quick waits come on top.
    assert!((1_200..=2_900).contains(&world.asked.len()), "{}", world.asked.len());
    let heard: std::collections::HashSet<&str> = world.asked.iter().map(|ask| &*ask.1).collect();
    assert_eq!(heard.len(), 50, "it is not always the same group");
}

#[test]
fn the_last_good_list_holds() {
    let manager = |_: &str, now| match now {
        0 => good("first"),
        1..=1_000_000 => down(),
        1_000_001..=2_000_000 => refused(),
        _ => good("second"),
    };
    let mut world = World::new(Discovery::new(&options(&["a"]), 7), manager);
    world.until(2_000_000);
    let host = |world: &World<_>| world.discovery.nodes("a").map(|list| list.nodes[0].address.host.clone());
    assert_eq!(host(&world).as_deref(), Some("first"));
    assert_eq!(world.changes(), 1);
    let failed = |event: &DiscoveryEvent| matches!(event, DiscoveryEvent::Failed { without_nodes: false, wait_ms, .. } if *wait_ms >= 120_000);
    assert!(world.events[1..].iter().all(|(_, event)| failed(event)));
    // 4 attempts each two minutes, then one.
    assert!((30..48).contains(&world.asked.len()), "{}", world.asked.len());
    world.until(2_200_000);
    assert_eq!(host(&world).as_deref(), Some("second"));
    assert_eq!(world.changes(), 2);
}

#[test]
fn groups_can_come_later_and_not_without_end() {
    let mut options = options(&["a"]);
    (options.max_group_id_num, options.max_stream_id_num) = (2, 1);
    let mut world = World::new(Discovery::new(&options, 7), |group, _| good(group));
    world.until(50_000);
    assert_eq!(world.discovery.nodes("b"), None);
    assert_eq!(world.discovery.add_group("b"), Ok(()));
    assert_eq!(world.discovery.add_group("b"), Ok(()));
    world.until(50_001);
    assert_eq!(world.asked[1..], [(50_000, "b".into())]);
    assert_eq!(world.discovery.add_group("c"), Err(SendError::TooManyGroups { limit: 2 }));
    assert_eq!(world.discovery.add_group("ä").map_err(|error| error.code()), Err(7));
}

#[test]
fn requests_that_nobody_ends_are_given_up() {
    let mut discovery = Discovery::new(&options(&["a"]), 7);
    let ask = discovery.poll(at(0)).expect("it is due");
    assert_eq!(ask.timeout_ms, 5_000);
    assert_eq!((discovery.poll(at(5_999)), discovery.next_wake()), (None, Some(6_000)));
    assert_eq!(discovery.poll(at(6_000)), None, "the next attempt is a moment away");
    let again = discovery.next_wake().expect("it is asked again");
    assert!(again <= 6_050);
    assert!(discovery.poll(at(again)).is_some());
    // The first answer comes after all, and is good.
    discovery.answered("a", good("late"), at(again + 1));
    assert!(discovery.nodes("a").is_some());
    discovery.answered("a", down(), at(again + 2));
    assert!(matches!(discovery.event(), Some(DiscoveryEvent::Changed { .. })));
    assert_eq!(discovery.event(), None, "the second's failure is no news");
    discovery.answered("unknown", good("x"), at(again + 3));
}

#[test]
fn four_at_once_at_most() {
    let mut discovery = Discovery::new(&options(&["a", "b", "c", "d", "e"]), 7);
    let asked = std::iter::from_fn(|| discovery.poll(at(0))).count();
    assert_eq!((asked, discovery.next_wake()), (4, Some(6_000)));
    discovery.answered("c", good("c"), at(10));
    assert_eq!(discovery.poll(at(10)).map(|ask| ask.group).as_deref(), Some("e"));
}

#[test]
fn what_the_manager_asks_to_wait_is_waited() {
    let busy = |_: &str, _| Ok(Response::new(503).retry_after("60"));
    let mut world = World::new(Discovery::new(&options(&["a", "b"]), 7), busy);
    world.until(59_999);
    assert_eq!(world.times(), [0], "also for the other group");
    world.until(61_000);
    assert_eq!(world.times(), [0, 60_000], "one of the two tries it");
    let forever = |_: &str, _| Ok(Response::new(503).retry_after("99999999"));
    let mut world = World::new(Discovery::new(&options(&["a"]), 7), forever);
    world.until(120_000);
    assert_eq!(world.times(), [0, 120_000], "within the interval");
}

#[test]
fn doubt_brings_the_next_refresh_forward() {
    let mut world = World::new(Discovery::new(&options(&["a"]), 7), |group, _| good(group));
    world.until(3_000);
    world.discovery.doubt("a");
    world.discovery.doubt("unknown");
    world.until(100_000);
    assert_eq!(world.times(), [0, 10_000]);
    world.discovery.doubt("a");
    world.until(100_001);
    assert_eq!(world.times(), [0, 10_000, 100_000]);
}

#[test]
fn given_nodes_need_no_manager() {
    let mut options = options(&["a"]);
    options.nodes = vec![NodeAddress::new("10.0.0.1", 46_801)];
    let mut world = World::new(Discovery::new(&options, 7), |_, _| unreachable!("nobody is asked"));
    world.discovery.add_group("b").expect("groups may be added");
    world.until(1_000_000);
    assert_eq!((world.asked.len(), world.changes(), world.discovery.next_wake()), (0, 2, None));
    assert_eq!(world.discovery.nodes("b").map(|list| &*list.nodes[0].id), Some("10.0.0.1:46801"));
    assert_eq!(world.discovery.cache_text(), "");
    assert_eq!(world.discovery.load_cache("[groupid0]\ngroupid=a\nproxy_cfg={}"), []);
    options.nodes.clear();
    options.http_url = Some("/dataproxy/message".into());
    let mut discovery = Discovery::new(&options, 7);
    assert_eq!((discovery.poll(at(0)), discovery.event(), discovery.next_wake()), (None, None, None));
}

#[test]
fn a_cache_file_bridges_a_start_without_a_manager() {
    let mut world = World::new(Discovery::new(&options(&["a", "b"]), 7), |group, _| good(group));
    let text = world.until(10).discovery.cache_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        [lines[0], lines[1], lines[3], lines[4]],
        ["[groupid0]", "groupid=a", "[groupid1]", "groupid=b"]
    );
    assert!(lines[2].starts_with("proxy_cfg={\"success\":true,"), "{}", lines[2]);
    assert_eq!(lines[6..], ["[main]", "groupid_count=2"]);

    let manager = |group: &str, now| if now < 500_000 { down() } else { good(group) };
    let mut world = World::new(Discovery::new(&options(&["a"]), 8), manager);
    assert_eq!(world.discovery.load_cache(&text), []);
    world.until(400_000);
    assert_eq!(world.changes(), 1);
    assert_eq!(world.discovery.cache_text(), text, "a group that nobody has named yet is kept");
    world.discovery.add_group("b").expect("there is room");
    world.until(400_001);
    assert_eq!(world.changes(), 2);
    world.until(640_000);
    assert_eq!(world.changes(), 2, "the Manager says the same");
    assert!(world.asked.iter().any(|(time, group)| *time >= 500_000 && group == "b"));
}

#[test]
fn the_vendors_cache_file_is_read() {
    let text = "; a comment\r\n[groupid1]\r\ngroupid=a\r\nproxy_cfg={\"success\":true,\"errMsg\":null,\"data\":\
        {\"clusterId\":1,\"load\":20,\"nodeList\":[{\"id\":1,\"ip\":\"10.0.0.1\",\"port\":46801}]}}\r\n\
        [main]\r\ngroupid_count=1\r\n";
    let mut discovery = Discovery::new(&options(&["a"]), 7);
    assert_eq!(discovery.load_cache(text), []);
    assert_eq!(discovery.nodes("a").and_then(|list| list.cluster_id), Some(1));
}

#[test]
fn a_strange_cache_file_does_no_harm() {
    let list = NodeList::fixed(&[NodeAddress::new("x", 1)]).to_json(Protocol::Tcp);
    let text = format!(
        "groupid=outside\n[groupid0]\ngroupid=a&b\nproxy_cfg={list}\n[groupid1]\ngroupid=c\nproxy_cfg={{\n\
         [groupid2]\nproxy_cfg={list}\n[other]\ngroupid=d\n[groupid3]\ngroupid=a\nproxy_cfg={list}\n\
         [groupid4]\ngroupid=a\nproxy_cfg={list}\n[main]\ngroupid_count=-7"
    );
    let mut discovery = Discovery::new(&options(&["a"]), 7);
    let notices = discovery.load_cache(&text);
    let keys: Vec<&str> = notices.iter().map(|notice| &*notice.key).collect();
    assert_eq!(keys, ["groupid0", "groupid1", "groupid2"]);
    assert!(discovery.nodes("a").is_some());
    for text in ["\0\0\0", "<html>", &"[groupid]".repeat(9), &"x".repeat((4 << 20) + 1)] {
        let mut discovery = Discovery::new(&options(&["a"]), 7);
        assert_eq!(discovery.load_cache(text).len(), 1);
        assert_eq!(discovery.event(), None);
    }
    assert_eq!(discovery.load_cache(""), []);
    let many: String = (0..1_000).map(|at| format!("[groupid{at}]\n")).collect();
    assert_eq!(discovery.load_cache(&many).len(), 51, "notices have an end too");
    // A list that is there is not replaced by an older one.
    let mut world = World::new(Discovery::new(&options(&["a"]), 7), |_, _| good("new"));
    world.until(1).discovery.load_cache(&format!("[groupid0]\ngroupid=a\nproxy_cfg={list}\n"));
    assert_eq!(world.discovery.nodes("a").map(|list| &*list.nodes[0].address.host), Some("new"));
}

#[test]
fn credentials_are_not_shown() {
    let mut options = options(&["a"]);
    options.need_auth = true;
    options.auth_id = Some("admin".into());
    options.auth_key = Some("secret1".into());
    let mut discovery = Discovery::new(&options, 7);
    let ask = discovery.poll(at(0)).expect("it is due");
    let shown = format!("{ask:?} {:?} {discovery:?}", ask.request);
    assert!(!shown.contains("secret1") && !shown.contains("YWRtaW46c2VjcmV0MQ"), "{shown}");
}
