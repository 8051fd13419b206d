//! Carries what the engine hands out: frames over connections, forms over HTTP, and the questions to the Manager.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::connections::{Connections, Output};
use super::delivery::{Answer, InLong, Place, Request, judge_code};
use super::discovery::{Discovery, DiscoveryEvent as Listed};
use super::manager::NodeList;
use super::{Ack, Options, Protocol, form};
use crate::destination::{Blame, Now, TransportError, Verdict};
use crate::driver::carrier::{Carrier, Requests, log_answer};
use crate::driver::native::Shared;
use crate::engine::{Transmit, TransmitId};
use crate::transport::HttpTransport;
use crate::transport::tcp::{Event, Sockets};

/// How long a close waits for the cache file.
const SLOW_DISK: Duration = Duration::from_millis(500);

/// What a client for servers carries its requests with.
pub(super) struct InLongCarrier {
    transport: Arc<dyn HttpTransport>,
    discovery: Discovery,
    connections: Connections,
    sockets: Sockets,
    requests: Requests<About>,
    is_http: bool,
    http_url: Option<String>,
    cache_file: Option<PathBuf>,
    /// How many groups the lists are kept of.
    groups: usize,
    wake: Option<u64>,
    /// Whether the cache file lacks a list that came since.
    is_cache_old: bool,
    /// When the log was last told that messages do not get through.
    complained_at: Option<u64>,
    /// Writes the cache file.
    keeping: Option<JoinHandle<()>>,
}

/// Between two such lines of the log, ms.
const COMPLAIN: u64 = 30_000;

/// What a request over HTTP is about.
enum About {
    Messages(TransmitId),
    Nodes(String),
}

impl InLongCarrier {
    pub(super) fn new(options: &Options, seed: u64, transport: Arc<dyn HttpTransport>) -> Self {
        let mut discovery = Discovery::new(options, seed);
        // Nodes that are given are not the Manager's, whose lists another client may want to keep.
        let cache_file = options.cache_file.as_ref().filter(|_| options.asks_manager()).map(PathBuf::from);
        if let Some(text) = cache_file.as_ref().and_then(|path| std::fs::read_to_string(path).ok()) {
            for notice in discovery.load_cache(&text) {
                log::warn!("trackwire: the cache of node lists: {notice}");
            }
        }
        Self {
            transport,
            discovery,
            connections: Connections::new(options, seed),
            sockets: Sockets::new(!options.is_ack),
            requests: Requests::default(),
            is_http: options.protocol == Protocol::Http,
            http_url: options.http_url.clone(),
            cache_file,
            groups: 0,
            wake: None,
            is_cache_old: false,
            complained_at: None,
            keeping: None,
        }
    }

    /// What happened on connections.
    fn hear(&mut self, shared: &Shared<InLong>, now: Now) {
        while let Some((number, event)) = self.sockets.next() {
            match event {
                Event::Connected => self.connections.connected(number, now),
                Event::Received(bytes) => self.connections.received(number, &bytes, now),
                Event::Written(writes) => self.connections.written(number, writes, now),
                Event::Closed(why) => {
                    let address =
                        self.connections.address(number).map(ToString::to_string).unwrap_or_default();
                    self.connections.closed(number, &why, now);
                    let what = format!("the connection to {address} ended: {why}");
                    match self.connections.is_any_ready() {
                        true => log::debug!("trackwire: {what}"),
                        false => self.complain(shared, &what, now),
                    }
                }
            }
        }
    }

    /// Says that messages do not get through, now and then.
    fn complain(&mut self, shared: &Shared<InLong>, what: &str, now: Now) {
        let pending = shared.engine().stats().pending;
        if pending == 0 || self.complained_at.is_some_and(|at| now.mono < at.saturating_add(COMPLAIN)) {
            return log::debug!("trackwire: {what}");
        }
        self.complained_at = Some(now.mono);
        log::warn!(
            "trackwire: {what}; {pending} messages are pending (more of this within 30 s is not said)"
        );
    }

    /// Complains of an answer that is none, or that says not now.
    fn look_at(&mut self, shared: &Shared<InLong>, answer: &Result<Answer, TransportError>, now: Now) {
        let what = match answer {
            Err(error) if error.blame != Blame::Nothing => format!("a pack was not answered: {error}"),
            Ok(answer) => {
                let verdict = match answer {
                    Answer::Ack(ack) => judge_code(ack.code, &ack.message),
                    Answer::Http(response) => form::judge(response, now),
                    Answer::Written => return,
                };
                let (Verdict::Retry { cause, .. } | Verdict::RetryOnce(cause)) = verdict else { return };
                format!("a node answered with {}: {}", cause.code, cause.message)
            }
            Err(_) => return,
        };
        self.complain(shared, &what, now);
    }

    /// Does what the connections ask for; whether the engine was told something.
    fn act(&mut self, shared: &Shared<InLong>, now: Now) -> bool {
        let (mut told, mut lost) = (false, Vec::new());
        // The engine's lock is taken once for all answers there are.
        let mut engine = None;
        while let Some(output) = self.connections.poll() {
            match output {
                Output::Connect { connection, address } => {
                    self.sockets.connect(connection, &address.host, address.port);
                }
                Output::Write { connection, bytes } => self.sockets.write(connection, bytes),
                Output::Close { connection } => self.sockets.close(connection),
                Output::Answer { id, answer } => {
                    told = true;
                    if !matches!(&answer, Ok(Answer::Written | Answer::Ack(Ack { code: 0, .. }))) {
                        // It looks at the engine itself.
                        drop(engine.take());
                        self.look_at(shared, &answer, now);
                    }
                    engine.get_or_insert_with(|| shared.engine()).answer(
                        id,
                        answer.as_ref().map_err(Clone::clone),
                        now,
                    );
                }
                Output::Extend { id, deadline } => {
                    engine.get_or_insert_with(|| shared.engine()).extend(id, deadline);
                }
                Output::Open { group, nodes } => {
                    told = true;
                    if nodes.is_empty() {
                        lost.push(group);
                    }
                    engine.get_or_insert_with(|| shared.engine()).open(&group, nodes);
                }
            }
        }
        drop(engine);
        for group in lost {
            // The list may be an old one.
            if let Place::Group(number) = group
                && let Some(group) = shared.destination().group(number)
            {
                self.discovery.doubt(group.name());
            }
        }
        told
    }

    /// Sees to the lists of nodes.
    fn discover(&mut self, shared: &Shared<InLong>, now: Now) -> bool {
        let mut told = false;
        for group in shared.destination().groups_from(self.groups) {
            self.groups += 1;
            match &self.http_url {
                Some(url) => {
                    let nodes = shared.destination().post_to_url(group.number(), url);
                    shared.engine().open(&Place::Group(group.number()), nodes);
                    group.listed();
                    told = true;
                }
                None => {
                    // Its bound on groups is that of the targets.
                    self.discovery.keep(group.name());
                }
            }
        }
        while let Some(ask) = self.discovery.poll(now) {
            let timeout = Duration::from_millis(ask.timeout_ms);
            self.requests.start(About::Nodes(ask.group), &self.transport, ask.request, timeout);
        }
        while let Some(event) = self.discovery.event() {
            match event {
                Listed::Changed { group, list } => {
                    told = true;
                    self.listed(shared, &group, &list, now);
                }
                Listed::Failed { group, problem, wait_ms, without_nodes } => {
                    let so = if without_nodes { "its messages wait" } else { "the last list holds" };
                    log::warn!(
                        "trackwire: no node list for group {group}: {problem}; {so}, next try in {wait_ms} ms"
                    );
                }
            }
        }
        // One after the other, or an older list could be the last that is written.
        if self.keeping.as_ref().is_none_or(JoinHandle::is_finished) {
            self.keep_lists();
        }
        told
    }

    /// Writes the cache file, if it lacks something.
    fn keep_lists(&mut self) {
        if std::mem::take(&mut self.is_cache_old)
            && let Some(path) = self.cache_file.clone()
        {
            let text = self.discovery.cache_text();
            // A disk may be slow, and nobody waits for it before the end.
            self.keeping = Some(tokio::task::spawn_blocking(move || {
                if let Err(error) = keep(&path, &text) {
                    log::warn!("trackwire: the node lists cannot be kept in {}: {error}", path.display());
                }
            }));
        }
    }

    fn listed(&mut self, shared: &Shared<InLong>, group: &str, list: &NodeList, now: Now) {
        let Some(number) = shared.destination().bound(group, list) else { return };
        shared.engine().rebatch();
        if self.is_http {
            let nodes = shared.destination().post_to(number, list);
            shared.engine().open(&Place::Group(number), nodes);
        } else {
            self.connections.set_nodes(number, list, now);
        }
        self.is_cache_old = true;
    }
}

impl Carrier<InLong> for InLongCarrier {
    fn start(&mut self, transmit: Transmit<Request>, now: Now) {
        let Transmit { id, request, deadline, alone, .. } = transmit;
        match request {
            Request::Frame(frame) => self.connections.send(id, frame, deadline, alone, now),
            Request::Http(request) => {
                let timeout = Duration::from_millis(deadline.saturating_sub(now.mono));
                self.requests.start(About::Messages(id), &self.transport, request, timeout);
            }
        }
    }

    fn take(&mut self, shared: &Shared<InLong>) -> bool {
        let now = shared.now();
        let mut told = false;
        while let Some((about, answer)) = self.requests.next() {
            log_answer(&answer);
            match about {
                About::Nodes(group) => self.discovery.answered(&group, answer, now),
                About::Messages(id) => {
                    told = true;
                    let answer = answer.map(Answer::Http);
                    self.look_at(shared, &answer, now);
                    shared.engine().answer(id, answer.as_ref().map_err(Clone::clone), now);
                }
            }
        }
        told |= self.discover(shared, now);
        if !self.is_http {
            let is_wanted = !shared.engine().is_idle();
            self.connections.want(is_wanted, now);
            self.hear(shared, now);
            if self.connections.next_wake().is_some_and(|at| at <= now.mono) {
                self.connections.tick(now);
            }
            told |= self.act(shared, now);
        }
        let wakes = [self.connections.next_wake(), self.discovery.next_wake()];
        self.wake = wakes.into_iter().flatten().min();
        told
    }

    fn wake(&self) -> Option<u64> {
        self.wake
    }

    async fn ready(&mut self) {
        tokio::select! {
            biased;
            () = self.sockets.ready() => {}
            () = self.requests.ready() => {}
        }
    }

    async fn finish(&mut self) {
        // The process may end right after, and the file with it.
        let _ = tokio::time::timeout(SLOW_DISK, async {
            while let Some(keeping) = self.keeping.take() {
                let _ = keeping.await;
                self.keep_lists();
            }
        })
        .await;
    }
}

/// Writes a file as a whole or not at all.
fn keep(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut beside = path.as_os_str().to_owned();
    // Others may write the same file at the same time.
    beside.push(format!(".{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
