//! What the nodes and the Manager do.

use trackwire::destination::{TransportError, TransportErrorKind};
use trackwire::http::Response;
use trackwire::inlong::Ask;

use crate::frame::{self, Pack, Request};
use crate::network::{Happening, Network, Whole};
use crate::rng::Rng;
use crate::rules::{Checked, hold};
use crate::tally::Seen;
use crate::weather::Weather;
use crate::world::{NODES, World};

/// What the Manager does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Fine,
    /// All nodes but this one.
    LeavesOut(usize),
    Fails(u16),
    Refuses,
    Silent,
}

impl Manager {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        match rng.below(8) {
            0..=2 => Self::Fine,
            3 | 4 => Self::LeavesOut(rng.below(NODES as u64) as usize),
            5 => Self::Fails(rng.pick(&[403, 500, 503])),
            6 => Self::Refuses,
            _ => Self::Silent,
        }
    }
}

impl World {
    /// Bytes arrive at a node.
    pub(crate) fn arrive(&mut self, number: u32, bytes: &[u8]) -> Checked {
        let Some(wire) = self.network.at_node(number) else { return Ok(()) };
        let node = wire.node;
        if self.weather[node].is_black_hole {
            wire.is_there = false;
            return Ok(());
        }
        wire.unread.extend_from_slice(bytes);
        while let Some(wire) = self.network.at_node(number)
            && let Some(bytes) = frame::split(&mut wire.unread)
        {
            match frame::read(&bytes) {
                Ok(Request::Heartbeat) => self.beat(number, node),
                Ok(Request::Pack(pack)) => self.serve(number, node, pack)?,
                Err(problem) => hold!(Frame, false, "a node cannot read {bytes:02x?}: {problem}"),
            }
        }
        Ok(())
    }

    fn beat(&mut self, number: u32, node: usize) {
        if self.rng.in_1000(self.weather[node].beat_unanswered) {
            return self.model.tally.saw(Seen::BeatUnanswered);
        }
        let load = self.rng.pick(&[10, 100, 250, u16::MAX]);
        self.reply(number, node, frame::beat(load), Whole::Beat);
    }

    fn serve(&mut self, number: u32, node: usize, pack: Pack) -> Checked {
        let mut messages = Vec::new();
        for message in &pack.messages {
            let digits =
                message.split(|&byte| byte == b';').next().and_then(|text| str::from_utf8(text).ok());
            let known = digits.and_then(|digits| digits.parse::<u32>().ok());
            let known = known.filter(|&known| known < self.model.messages.len() as u32);
            hold!(Frame, known.is_some(), "nobody sent {message:?}");
            messages.extend(known);
        }
        self.tell(|| format!("node {node} reads {} on {number}: {messages:?}", pack.key));
        if messages.iter().any(|&known| self.model.messages[known as usize].is_poison) {
            self.model.tally.saw(Seen::Poison);
            self.breaks(number, false);
            return Ok(());
        }
        let weather = self.weather[node].clone();
        if let Some((often, code)) = weather.refuses
            && self.rng.in_1000(often)
            && (code != 120 || messages.iter().all(|&known| self.model.messages[known as usize].taken > 0))
        {
            self.model.tally.saw(match code {
                120 => Seen::SaidDuplicate,
                1..=3 | 114 | 116..=119 => Seen::RefusedForNow,
                0..=151 => Seen::RefusedForGood,
                _ => Seen::RefusedUnknown,
            });
            self.answer_later(number, pack, code, &weather);
            return Ok(());
        }
        self.model.tally.saw(Seen::Taken);
        self.model.take(&messages, self.engine.stats())?;
        if self.rng.in_1000(weather.closes) {
            self.model.tally.saw(Seen::ClosedUnanswered);
            self.breaks(number, self.rng.clone().in_1000(weather.silent));
        } else if self.rng.in_1000(weather.garbage) {
            self.model.tally.saw(Seen::Garbage);
            let garbage = (0..self.rng.within(1, 300)).map(|_| self.rng.next() as u8).collect();
            self.reply(number, node, garbage, Whole::Garbage);
        } else if self.rng.in_1000(weather.huge) {
            self.model.tally.saw(Seen::HugeLength);
            let mut huge = self.rng.pick(&[u32::MAX, 65_537, 1 << 31, 0]).to_be_bytes().to_vec();
            huge.extend([7; 100]);
            self.reply(number, node, huge, Whole::Garbage);
        } else if self.rng.in_1000(weather.ack_never) {
            self.model.tally.saw(Seen::AckNever);
        } else if pack.is_acked {
            self.answer_later(number, pack, 0, &weather);
        }
        Ok(())
    }

    fn answer_later(&mut self, number: u32, pack: Pack, code: u32, weather: &Weather) {
        if !pack.is_acked {
            return;
        }
        let takes = self.rng.below(weather.ack_takes.max(1));
        if takes > self.plan.options.request_timeout {
            self.model.tally.saw(Seen::AckLate);
        }
        if let Some(wire) = self.network.at_node(number) {
            wire.unanswered.push(pack.key);
        }
        self.network.add(self.at + takes, Happening::Answers(number, pack, code));
    }

    pub(crate) fn answers(&mut self, number: u32, pack: &Pack, code: u32) {
        let Some(wire) = self.network.at_node(number) else { return };
        let node = wire.node;
        if wire.unanswered.first() != Some(&pack.key) {
            self.model.tally.saw(Seen::AckReordered);
        }
        if let Some(place) = wire.unanswered.iter().position(|&key| key == pack.key) {
            wire.unanswered.remove(place);
        }
        self.reply(number, node, frame::ack(pack, code), Whole::Ack(pack.key, code));
    }

    /// Sends something to the client, which may not arrive as a whole.
    fn reply(&mut self, number: u32, node: usize, mut bytes: Vec<u8>, mut whole: Whole) {
        let weather = self.weather[node].clone();
        let is_cut = self.rng.in_1000(weather.cut_answer);
        if is_cut {
            self.model.tally.saw(Seen::AnswerCut);
            bytes.truncate(self.rng.below(bytes.len() as u64) as usize);
            whole = if whole == Whole::Garbage { whole } else { Whole::Nothing };
        }
        let mut piece = usize::MAX;
        if self.rng.in_1000(weather.one_byte) {
            self.model.tally.saw(Seen::OneByte);
            piece = 1;
        } else if bytes.len() > 1 && self.rng.in_1000(200) {
            // The first part comes on its own.
            let rest = bytes.split_off(self.rng.below(bytes.len() as u64) as usize);
            let at = self.network.arrival_at_client(number, self.at, &mut self.rng, weather.latency);
            let first = if whole == Whole::Garbage { whole } else { Whole::Nothing };
            self.network.add(at, Happening::ToClient(number, bytes, usize::MAX, first));
            bytes = rest;
        }
        let at = self.network.arrival_at_client(number, self.at, &mut self.rng, weather.latency);
        self.network.add(at, Happening::ToClient(number, bytes, piece, whole));
        if is_cut {
            let is_silent = self.rng.in_1000(weather.silent);
            self.breaks(number, is_silent);
        }
    }

    /// A connection breaks; the client is told when it has read what came before, or never.
    pub(crate) fn breaks(&mut self, number: u32, is_silent: bool) {
        let Some(wire) = self.network.at_node(number) else { return };
        let node = wire.node;
        wire.is_there = false;
        if is_silent {
            return self.model.tally.saw(Seen::CutSilently);
        }
        // The wire is still the client's.
        wire.is_there = true;
        let at = self.network.arrival_at_client(number, self.at, &mut self.rng, self.weather[node].latency);
        if let Some(wire) = self.network.at_node(number) {
            wire.is_there = false;
        }
        self.network.add(at, Happening::Closed(number));
    }

    pub(crate) fn node_turns(&mut self, node: usize, weather: Weather) {
        self.tell(|| format!("node {node}: {weather:?}"));
        if weather.is_down && !self.weather[node].is_down {
            self.model.tally.saw(Seen::NodeDown);
            let mut lost: Vec<u32> =
                self.network.wires.iter().filter(|(_, wire)| wire.node == node).map(|it| *it.0).collect();
            lost.sort_unstable();
            lost.into_iter().for_each(|number| self.breaks(number, false));
        }
        if !weather.is_black_hole && !weather.is_down {
            // Who connects tries again by itself.
            let Network { wires, hung, .. } = &mut self.network;
            let (there, others) =
                hung.drain(..).partition(|number| wires.get(number).is_some_and(|wire| wire.node == node));
            *hung = others;
            let there: Vec<u32> = there;
            there
                .into_iter()
                .for_each(|number| self.network.add(self.at + 1_000, Happening::Connected(number)));
        }
        self.weather[node] = weather;
    }

    /// The Manager is asked.
    pub(crate) fn ask(&mut self, ask: &Ask) {
        let mut at = self.at + self.rng.within(1, 50);
        let answer = match self.manager {
            Manager::Fine => Ok(self.list(None)),
            Manager::LeavesOut(node) => {
                self.model.tally.saw(Seen::NodeLeftOut);
                Ok(self.list(Some(node)))
            }
            Manager::Fails(status) => Ok(Response::new(status)),
            Manager::Refuses => {
                Ok(Response::new(200).body(br#"{"success":false,"errMsg":"no","data":null}"#.to_vec()))
            }
            Manager::Silent => {
                at = self.at + ask.timeout_ms;
                Err(TransportError::new(TransportErrorKind::Timeout, "no answer"))
            }
        };
        if !matches!(self.manager, Manager::Fine | Manager::LeavesOut(_)) {
            self.model.tally.saw(Seen::ManagerOut);
        }
        self.network.add(at, Happening::Listed(ask.group.clone(), answer));
    }

    fn list(&mut self, without: Option<usize>) -> Response {
        self.model.tally.saw(Seen::ListGiven);
        let load = if self.plan.balances { 20 } else { 65_535 };
        let nodes: Vec<String> = (0..NODES)
            .filter(|&node| Some(node) != without)
            .map(|node| format!(r#"{{"id":{node},"ip":"10.0.0.{node}","port":46801,"nodeLoad":-1}}"#))
            .collect();
        let nodes = nodes.join(",");
        let text =
            format!(r#"{{"success":true,"data":{{"clusterId":1,"load":{load},"nodeList":[{nodes}]}}}}"#);
        Response::new(200).body(text.into_bytes())
    }
}
