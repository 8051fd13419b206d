//! InLong as a destination: lanes, packs, requests, and what answers mean.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

#[cfg(feature = "native")]
use super::callback::Callbacks;
use super::frame::{
    Binary, EXT_ATTRIBUTES, EXT_LINES, EXT_TEXT_IDS, EXT_TRACE, Frame, MsgType, Sealed, put_item, text,
};
use super::message::MAX_ATTRIBUTES;
use super::options::PAGE;
use super::target::{Group, Target, Targets};
use super::urls::Urls;
use super::{Ack, Message, NodeList, OptionError, Options, SendError, check, form};
use crate::codec::bytes::{find, has, owned, part, put, put_byte};
use crate::codec::number::write_unsigned;
use crate::codec::packed::packed;
use crate::destination::{BatchId, Batching, Cause, Destination, Now, Records, Verdict};
use crate::engine::OnExhausted;
#[cfg(feature = "native")]
use crate::engine::Tag;
use crate::http::{self, Body};
use crate::{Invalid, InvalidKind};

/// InLong DataProxy as the engine sees it.
#[derive(Debug)]
pub struct InLong {
    options: Options,
    msg_type: MsgType,
    targets: Targets,
    urls: RwLock<Urls>,
    /// Makes the ids of packs differ from those of other clients.
    instance: u64,
    local_time: LocalTime,
    /// The most bytes of a record that an empty queue has room for.
    most: usize,
    /// What the bytes of records depend on: exported messages are restored only where it is the same.
    identity: [u8; 3],
}

/// The offset of local time from UTC, minutes, at a time in ms since the Unix epoch: some attributes tell local time.
pub struct LocalTime(Box<dyn Fn(u64) -> i32 + Send + Sync>);

/// Messages of different lanes never share a pack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lane {
    pub(crate) target: Arc<Target>,
    /// The attributes of the pack, `&` in front.
    attributes: Option<Arc<[u8]>>,
    /// The data time, ms, as precisely as the pack says it; where messages have one and the pack says it.
    time: Option<u64>,
    /// Whether each message has a pack of its own.
    alone: bool,
}

/// Where a pack goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// To one of the nodes of a group, by the group's number.
    Group(u32),
    /// To this node.
    Node(u32),
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// On a connection.
    Frame(Frame),
    /// To the message endpoint.
    Http(http::Request),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The node's.
    Ack(Ack),
    /// The message endpoint's.
    Http(http::Response),
    /// It was written, and no answer was asked for.
    Written,
}

/// Why a message cannot be sent over HTTP.
const NOT_TEXT: &str = "over HTTP a message is text: send UTF-8, or use TCP";

impl InLong {
    /// A destination with these options. `instance` is to be a random number.
    pub fn new(options: Options, instance: u64, local_time: LocalTime) -> Result<Self, OptionError> {
        options.check()?;
        Ok(Self::unchecked(options, instance, local_time))
    }

    /// The same, of options that have been checked.
    pub(crate) fn unchecked(options: Options, instance: u64, local_time: LocalTime) -> Self {
        let msg_type = MsgType::from_number(options.msg_type).unwrap_or(MsgType::Binary);
        let (protocol, ext) = (options.protocol as u8, options.extend_field as u8);
        let limits = options.limits(OnExhausted::default());
        Self {
            most: limits.largest_batch(|plain| sealed_bound(&options, plain)).min(limits.max_plain_bytes),
            msg_type,
            targets: Targets::default(),
            urls: RwLock::default(),
            instance,
            local_time,
            identity: [protocol, msg_type.number(), ext & (EXT_ATTRIBUTES | EXT_LINES) as u8],
            options,
        }
    }

    /// Its options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Makes a group known before it is sent to; its number. `None` for one too many.
    pub fn know_group(&self, group: &str) -> Option<u32> {
        self.targets.group(group, self.options.max_groups(), self.options.max_frame(None))
    }

    /// The groups that are known. A group's number is its place, and others come after those that were there.
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.groups_from(0)
    }

    /// The group of this number.
    pub fn group(&self, number: u32) -> Option<Arc<Group>> {
        self.groups_from(number as usize).into_iter().next()
    }

    /// The groups from this number on: those that a driver has not seen yet.
    pub fn groups_from(&self, number: usize) -> Vec<Arc<Group>> {
        self.targets.groups(number)
    }

    /// Notes what the Manager says of the frames that a group's nodes take; the group's number. The engine is to
    /// [ask anew](crate::engine::Engine::rebatch) when batches close.
    pub fn bound(&self, group: &str, list: &NodeList) -> Option<u32> {
        let number = self.know_group(group)?;
        self.targets.bound(number, self.options.max_frame(list.max_packet_length));
        Some(number)
    }

    /// Has a group's messages posted over HTTP to the nodes of a list; what stands for them. Those that no group has any more
    /// are forgotten.
    pub fn post_to(&self, group: u32, list: &NodeList) -> Vec<Place> {
        self.set_urls(group, &mut list.nodes.iter().map(|node| node.address.message_url()))
    }

    /// The same, to one address.
    pub fn post_to_url(&self, group: u32, url: &str) -> Vec<Place> {
        self.set_urls(group, &mut std::iter::once(url.to_owned()))
    }

    fn set_urls(&self, group: u32, urls: &mut dyn Iterator<Item = String>) -> Vec<Place> {
        self.urls.write().unwrap_or_else(PoisonError::into_inner).set(group, urls)
    }

    /// The lane of a message, or why it cannot be sent.
    pub fn admit(&self, message: &Message<'_>) -> Result<Lane, SendError> {
        let known = self.targets.find(&message.group, &message.stream);
        self.check(message, known.is_some())?;
        let Self { options, .. } = self;
        let lines = self.joins_lines() && has(&message.body, b'\n');
        let has_own = self.has_own_attributes();
        let is_http = options.is_http();
        let limit = options.max_groups();
        let get = || self.targets.get(&message.group, &message.stream, limit, options.max_frame(None));
        let Some(target) = known.or_else(get) else { return Err(SendError::TooManyGroups { limit }) };
        let attributes = match PAGE || message.attributes.is_empty() || has_own {
            true => None,
            false => {
                let mut attributes = Vec::new();
                put_joined(&mut attributes, &message.attributes);
                Some(attributes.into())
            }
        };
        // The binary layout has seconds.
        let step = if !is_http && self.msg_type == MsgType::Binary { 1_000 } else { 1 };
        let time = message.time.filter(|_| !has_own).map(|ms| ms / step * step);
        let lane = Lane { target, attributes, time, alone: lines };
        let bytes = message.body.len();
        // With a length or a separator, attributes of its own, escapes.
        let (wire, room) = (self.wire_bytes(message), self.room(&lane));
        if wire > room || bytes > options.max_message() {
            // Of such messages, roughly.
            let limit = options.max_message().min((bytes as u64 * room as u64 / wire as u64) as usize);
            return Err(SendError::MsgTooLong { bytes, limit });
        }
        if wire > self.most {
            return Err(SendError::LargerThanQueue { bytes, limit: self.most });
        }
        Ok(lane)
    }

    /// Whether a message can be sent; its ids are good if they are `known`.
    fn check(&self, message: &Message<'_>, known: bool) -> Result<(), Invalid> {
        if !known {
            message.check_ids()?;
        }
        message.check()?;
        let refuse = |kind, hint: &'static str| Err(Invalid::new("message", kind, hint));
        if self.options.is_http() {
            let Ok(text) = str::from_utf8(&message.body) else {
                return refuse(InvalidKind::BadCharacter, NOT_TEXT);
            };
            if text.chars().all(char::is_whitespace) {
                return refuse(InvalidKind::Empty, "over HTTP the server refuses a message of blanks alone");
            }
            if !PAGE && !message.attributes.is_empty() {
                let hint = "over HTTP messages have no attributes: leave them out, or use TCP";
                return Err(Invalid::new("attributes", InvalidKind::UnknownField, hint));
            }
        } else if matches!(self.msg_type, MsgType::Lines | MsgType::Common) && message.body.ends_with(b"\n") {
            let hint = "the server cuts LF at the end in this type: leave it out, or use type 7";
            return refuse(InvalidKind::BadCharacter, hint);
        }
        if PAGE { Ok(()) } else { self.check_attributes(message) }
    }

    /// Whether attributes of a message can stand beside those that are there already.
    fn check_attributes(&self, message: &Message<'_>) -> Result<(), Invalid> {
        let has_own = self.has_own_attributes();
        let own = |key: &str| self.options.attributes.iter().any(|(other, _)| other == key);
        for (key, _) in &message.attributes {
            let (kind, hint) = if has_own && check::OF_MESSAGES.contains(&&**key) {
                (InvalidKind::UnknownField, "each message is given this one already: leave it out")
            } else if !has_own && own(key) {
                let hint =
                    "all packs have this one already, by the option `attributes`: leave one of them out";
                (InvalidKind::Malformed, hint)
            } else {
                continue;
            };
            return Err(Invalid::new(["attributes.", key].concat(), kind, hint));
        }
        Ok(())
    }

    /// Appends a message as it stands in a pack.
    pub fn put(&self, message: &Message<'_>, now: Now, out: &mut Vec<u8>) {
        let body = &*message.body;
        if self.options.is_http() {
            form::put_escaped(out, body);
            put(out, form::LF);
        } else if self.joins_lines() {
            put(out, body);
            put_byte(out, b'\n');
        } else {
            put_item(out, body);
            if self.has_own_attributes() {
                let mut own = Vec::new();
                put(&mut own, b"__addcol1__reptime=");
                let time = message.time.unwrap_or(now.wall);
                put_local_time(&mut own, time, self.local_time.0(time));
                put(&mut own, b"&__addcol2__ip=");
                put(&mut own, self.options.client_ip().as_bytes());
                put_joined(&mut own, &message.attributes);
                put_item(out, &own);
            }
        }
    }

    /// How many bytes [`put`](Self::put) appends.
    fn wire_bytes(&self, message: &Message<'_>) -> usize {
        let body = &*message.body;
        if self.options.is_http() {
            return form::escaped_bytes(body) + form::LF.len();
        }
        if self.joins_lines() {
            return body.len() + 1;
        }
        let own = match self.has_own_attributes() {
            true => {
                const TIME_AND_KEYS: usize = "__addcol1__reptime=yyyyMMddHHmmss&__addcol2__ip=".len();
                let attributes = message.attributes.iter().map(|(key, value)| key.len() + value.len() + 2);
                4 + TIME_AND_KEYS + self.options.client_ip().len() + attributes.sum::<usize>()
            }
            false => 0,
        };
        4 + body.len() + own
    }

    /// The bytes of a message, from those of its record.
    pub fn message_of(&self, record: &[u8]) -> Vec<u8> {
        if self.options.is_http() {
            return form::unescape(record.strip_suffix(form::LF).unwrap_or(record));
        }
        if self.joins_lines() {
            return owned(record.strip_suffix(b"\n").unwrap_or(record));
        }
        let Some((length, rest)) = record.split_first_chunk() else { return Vec::new() };
        owned(rest.get(..u32::from_be_bytes(*length) as usize).unwrap_or_default())
    }

    /// Whether a record tells the wall clock.
    #[cfg(feature = "native")]
    pub(super) fn tells_time(&self) -> bool {
        self.has_own_attributes()
    }

    /// Whether messages are put together by LF.
    fn joins_lines(&self) -> bool {
        self.options.is_http()
            || matches!(self.msg_type, MsgType::Lines | MsgType::Common)
            || (self.msg_type == MsgType::Binary && self.options.extend_field & EXT_LINES != 0)
    }

    /// Whether each message has attributes of its own in the pack.
    fn has_own_attributes(&self) -> bool {
        !self.options.is_http()
            && match self.msg_type {
                MsgType::MultiAttributes => true,
                MsgType::Binary => self.options.extend_field & EXT_ATTRIBUTES != 0,
                _ => false,
            }
    }

    /// The most bytes of records that a frame of a lane has room for.
    fn room(&self, lane: &Lane) -> usize {
        let attributes = lane.attributes.as_ref().map_or(0, |text| text.len())
            + self.options.attributes.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
        let ids = lane.target.group().len() + lane.target.stream().len();
        // The head, and all that the protocol writes of its own.
        const HEAD: usize = 256;
        let max_frame = lane.target.of().max_frame();
        let ids = if self.options.is_http() { 3 * ids } else { ids };
        max_frame.saturating_sub(HEAD + attributes + ids).max(1)
    }

    /// The attributes of a pack, in the order of the vendor's client.
    fn attributes(&self, lane: &Lane, pack: &Pack) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        let number = |out: &mut Vec<u8>, name: &[u8], number| {
            put(out, name);
            write_unsigned(out, number);
        };
        put(&mut out, b"groupId=");
        put(&mut out, lane.target.group().as_bytes());
        put(&mut out, b"&streamId=");
        put(&mut out, lane.target.stream().as_bytes());
        if self.msg_type != MsgType::Binary {
            number(&mut out, b"&dt=", pack.time);
            number(&mut out, b"&mid=", pack.id);
            if pack.is_packed {
                put(&mut out, b"&cp=snappy");
            }
            number(&mut out, b"&cnt=", pack.count as u64);
            put(&mut out, b"&sid=0x");
            put_hex(&mut out, self.instance);
            put_hex(&mut out, pack.id);
        } else if self.options.extend_field & EXT_TRACE != 0 {
            put(&mut out, b"&node1ip=");
            put(&mut out, self.options.client_ip().as_bytes());
            number(&mut out, b"&rtime1=", pack.now);
        }
        let own = lane.attributes.as_deref().unwrap_or_default();
        for attribute in &self.options.attributes {
            let from = out.len();
            put_joined(&mut out, std::slice::from_ref(attribute));
            // Restored messages may bring what the options say by now.
            if find(own, part(&out, from, from + attribute.0.len() + 2)).is_some() {
                out.truncate(from);
            }
        }
        put(&mut out, own);
        if !self.options.is_ack {
            put(&mut out, b"&isAck=false");
        }
        out
    }

    fn frame(&self, lane: &Lane, body: &[u8], pack: &Pack) -> Vec<u8> {
        let attributes = self.attributes(lane, pack);
        if self.msg_type != MsgType::Binary {
            return text(self.msg_type.number(), body, &attributes);
        }
        let own = self.options.extend_field & (EXT_ATTRIBUTES | EXT_TRACE);
        let lines = if lane.alone { 0 } else { self.options.extend_field & EXT_LINES };
        Binary {
            ext: own | lines | EXT_TEXT_IDS,
            seconds: (pack.time / 1_000) as u32,
            count: pack.count as u16,
            uniq: pack.id as u32,
            attributes: &attributes,
        }
        .frame(body, pack.is_packed)
    }

    /// How many bytes [`body`](Self::body) writes.
    fn body_bytes(&self, records: Records<'_>) -> usize {
        match (self.joins_lines(), self.msg_type) {
            (false, _) => records.bytes(),
            (true, MsgType::Binary) => records.bytes() + 3,
            (true, _) => records.bytes() - 1,
        }
    }

    /// The body of a frame, before compression.
    fn body(&self, records: Records<'_>, out: &mut Vec<u8>) {
        if self.joins_lines() && self.msg_type == MsgType::Binary {
            put(out, &(records.bytes() as u32 - 1).to_be_bytes());
        }
        records.pieces().for_each(|piece| put(out, piece));
        if self.joins_lines() {
            // LF stands between messages only.
            out.pop();
        }
    }
}

/// What a frame says of its pack.
struct Pack {
    id: u64,
    count: usize,
    /// The data time, ms.
    time: u64,
    /// When it was made, ms.
    now: u64,
    is_packed: bool,
}

/// Appends attributes as they stand in a frame, `&` in front of each.
fn put_joined<T: Deref<Target = str>>(out: &mut Vec<u8>, attributes: &[(T, T)]) {
    for (key, value) in attributes {
        put_byte(out, b'&');
        put(out, key.as_bytes());
        put_byte(out, b'=');
        put(out, value.as_bytes());
    }
}

/// Appends a time as `yyyyMMddHHmmss`.
fn put_local_time(out: &mut Vec<u8>, ms: u64, utc_offset: i32) {
    let seconds = (ms / 1_000) as i64 + i64::from(utc_offset) * 60;
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // From days to a date of the Gregorian calendar, with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let date = (year.clamp(0, 9_999) * 100 + month) * 100 + day;
    let time = (hour * 100 + minute) * 100 + second % 60;
    let digits = (date * 1_000_000 + time).unsigned_abs();
    // A year may have zeros in front.
    for place in (0..14).rev() {
        put_byte(out, b'0' + (digits / 10_u64.pow(place) % 10) as u8);
    }
}

/// Appends the sixteen digits of a number.
fn put_hex(out: &mut Vec<u8>, mut number: u64) {
    for _ in 0..16 {
        number = number.rotate_left(4);
        put_byte(out, b"0123456789abcdef"[number as usize & 15]);
    }
}

impl LocalTime {
    /// Local time by this function.
    pub fn new(offset: impl Fn(u64) -> i32 + Send + Sync + 'static) -> Self {
        Self(Box::new(offset))
    }

    /// UTC.
    pub fn utc() -> Self {
        Self::new(|_| 0)
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalTime")
    }
}

impl Lane {
    /// The group and stream of its messages.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

impl Destination for InLong {
    type Record<'a> = Message<'a>;
    type Lane = Lane;
    type Endpoint = Place;
    type Sealed = Sealed;
    type Request = Request;
    type Response = Answer;
    const PARTLY: bool = false;
    /// The vendor's clients refuse what is new; those in Rust may have the choice.
    const DROPS_OLDEST: bool = !crate::NPM;
    /// A page has one address.
    const ROUTED: bool = !PAGE;
    /// For callbacks. The npm package's shell has the message itself.
    const RETURNS_RECORDS: bool = !crate::NPM;

    fn route(&self, record: &Message<'_>) -> Result<Lane, Invalid> {
        self.admit(record).map_err(|error| match error {
            SendError::InvalidInput(invalid) => invalid,
            SendError::TooManyGroups { .. } => Invalid::new(
                "group_id",
                InvalidKind::OutOfRange,
                "more groups than `max_group_id_num`: raise that",
            ),
            _ => {
                Invalid::new("message", InvalidKind::TooLarge, "longer than `ext_pack_size` and frames allow")
            }
        })
    }

    fn encode(&self, record: &Message<'_>, now: Now, out: &mut Vec<u8>) -> Result<(), Invalid> {
        self.put(record, now, out);
        Ok(())
    }

    fn batching(&self, lane: &Lane) -> Batching {
        let Options { enable_pack, pack_timeout, .. } = self.options;
        /// The count of a frame has 16 bits.
        const MOST: usize = 65_535;
        let max_bytes = self.options.pack_bytes().min(self.room(lane));
        Batching {
            max_events: if lane.alone || !enable_pack { 1 } else { MOST },
            max_bytes,
            max_wait: Some(pack_timeout),
            triggers_flush: false,
            flush_events: 0,
        }
    }

    fn endpoint(&self, lane: &Lane, _: BatchId, _: u32) -> Place {
        if PAGE { Place::Node(0) } else { Place::Group(lane.target.of().number()) }
    }

    fn seal(&self, lane: &Lane, records: Records<'_>, id: BatchId, now: Now) -> Sealed {
        let time = lane.time.unwrap_or(now.wall);
        let mut pack = Pack { id: id.0, count: records.len(), time, now: now.wall, is_packed: false };
        let bytes = if self.options.is_http() {
            form::body(&lane.target, records, time)
        } else if self.options.enable_zip && self.body_bytes(records) > self.options.min_zip_len {
            packed(
                |plain| self.body(records, plain),
                |plain, packed| {
                    pack.is_packed = packed.len() < plain.len();
                    self.frame(lane, if pack.is_packed { packed } else { plain }, &pack)
                },
            )
        } else {
            let mut body = Vec::new();
            body.reserve_exact(records.bytes() + records.len() + 4);
            self.body(records, &mut body);
            self.frame(lane, &body, &pack)
        };
        Sealed {
            key: match self.msg_type {
                MsgType::Binary => u64::from(id.0 as u32),
                _ => id.0,
            },
            msg_type: self.msg_type.number(),
            is_acked: self.options.is_ack,
            bytes: bytes.into(),
        }
    }

    fn sealed_bytes(&self, sealed: &Sealed) -> usize {
        sealed.bytes.len()
    }

    fn sealed_bound(&self, plain: usize, _: usize) -> usize {
        sealed_bound(&self.options, plain)
    }

    fn request(&self, sealed: &Sealed, endpoint: &Place, _: u32, _: Now) -> Request {
        let (Place::Node(node) | Place::Group(node)) = *endpoint;
        if !self.options.is_http() {
            return Request::Frame(Frame { node, sealed: sealed.clone() });
        }
        if PAGE {
            // There is one address, which the shell knows.
            return Request::Http(form::request("", sealed.bytes.clone()));
        }
        let urls = self.urls.read().unwrap_or_else(PoisonError::into_inner);
        Request::Http(form::request(urls.get(node), sealed.bytes.clone()))
    }

    fn judge(&self, _: &Sealed, answer: &Answer, now: Now) -> Verdict {
        match answer {
            Answer::Ack(ack) if !PAGE => judge_code(ack.code, &ack.message),
            Answer::Http(response) => form::judge(response, now),
            _ => Verdict::Unconfirmed,
        }
    }

    #[cfg(feature = "native")]
    fn returns_record(&self, tag: &Tag, taken: bool) -> bool {
        let both = Callbacks::FIRST | Callbacks::ALWAYS;
        let always = matches!(tag, Tag::Number(number) if number & both == both);
        always || !taken
    }

    fn save_lane(&self, lane: &Lane, out: &mut Vec<u8>) {
        put(out, &self.identity);
        put_byte(out, u8::from(lane.alone));
        put(out, &lane.time.map_or(0, |time| time.saturating_add(1)).to_le_bytes());
        let attributes = lane.attributes.as_deref().unwrap_or_default();
        for part in [lane.target.group().as_bytes(), lane.target.stream().as_bytes(), attributes] {
            put_item(out, part);
        }
    }

    fn load_lane(&self, bytes: &[u8]) -> Option<Lane> {
        let (identity, rest) = bytes.split_first_chunk()?;
        let (&alone, rest) = rest.split_first()?;
        let (time, mut rest) = rest.split_first_chunk()?;
        let mut texts = [""; 3];
        for text in &mut texts {
            let (length, from) = rest.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            *text = str::from_utf8(from.get(..length)?).ok()?;
            rest = &from[length..];
        }
        let [group, stream, attributes] = texts;
        if *identity != self.identity || group.is_empty() || stream.is_empty() {
            return None;
        }
        let target =
            self.targets.get(group, stream, self.options.max_groups(), self.options.max_frame(None))?;
        let attributes = (!attributes.is_empty()).then(|| attributes.as_bytes().into());
        let time = u64::from_le_bytes(*time).checked_sub(1);
        Some(Lane { target, attributes, time, alone: alone != 0 })
    }

    fn save_sealed(&self, sealed: &Sealed, out: &mut Vec<u8>) {
        put(out, &sealed.key.to_le_bytes());
        put(out, &[sealed.msg_type, u8::from(sealed.is_acked)]);
        put(out, &sealed.bytes);
    }

    fn load_sealed(&self, _: &Lane, bytes: &[u8]) -> Option<Sealed> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (&[msg_type, is_acked], rest) = rest.split_first_chunk()?;
        let same = msg_type == self.msg_type.number() && (is_acked != 0) == self.options.is_ack;
        let bytes: Body = owned(rest).into();
        same.then_some(Sealed { key: u64::from_le_bytes(*key), msg_type, is_acked: is_acked != 0, bytes })
    }
}

/// The most bytes that a pack of so many bytes of records has when it is sealed.
fn sealed_bound(options: &Options, plain: usize) -> usize {
    // What does not get smaller is not compressed. Forms have no attributes, and what a page posts as it is left is cut by
    // this bound: its ids are taken for short.
    let more = match (PAGE, options.is_http()) {
        (true, _) => 2_048,
        (_, true) => MAX_ATTRIBUTES + 1_024,
        _ => 2 * MAX_ATTRIBUTES + 1_024,
    };
    plain.saturating_add(more)
}

/// What a code means, over TCP (`errCode`) and HTTP (`code`) alike.
pub(super) fn judge_code(code: u32, said: &str) -> Verdict {
    let later = |cause| Verdict::Retry { after: None, maybe_accepted: false, cause };
    let never = Verdict::Rejected;
    let (verdict, known): (fn(Cause) -> Verdict, _) = match code {
        _ if is_taken(code) => return Verdict::Delivered,
        1 => (later, "the node's sink is not ready"),
        2 => (later, "the node is closing"),
        3 => (later, "the node's configuration is not ready"),
        114 => (later, "the node's queue is full"),
        116..=119 => (later, "the node could not hand it on to its queue"),
        100 => (never, "the group id is missing or unknown"),
        101 => (never, "the stream id is missing"),
        104 => (never, "the frame is too long, or its lengths disagree"),
        113 => (never, "the group or stream is not configured"),
        115 => (never, "there is no topic for the group and stream"),
        10 | 31..=36 | 94..=96 | 102..=112 | 121..=123 | 150 | 151 => (never, "the node refuses it"),
        _ => (Verdict::RetryOnce, "the node refuses it with a code that says nothing"),
    };
    verdict(if said.is_empty() { Cause::new(code, known) } else { Cause::new(code, said.to_owned()) })
}

/// Whether a code says that a frame was taken; 120: it was there before.
pub(super) fn is_taken(code: u32) -> bool {
    matches!(code, 0 | 120)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    fn with(change: impl FnOnce(&mut Options)) -> InLong {
        let mut options = Options::default();
        change(&mut options);
        InLong::new(options, 1, LocalTime::utc()).unwrap()
    }

    #[test]
    fn a_data_time_is_as_precise_as_the_frame() {
        let message = Message::new("g", "s", "m").time(1_700_000_000_123);
        let time = |change: fn(&mut Options)| with(change).admit(&message).unwrap().time;
        assert_eq!(time(|_| {}), Some(1_700_000_000_000));
        assert_eq!(time(|options| options.msg_type = 5), Some(1_700_000_000_123));
        assert_eq!(time(|options| options.protocol = Protocol::Http), Some(1_700_000_000_123));
        assert_eq!(time(|options| options.extend_field = 1), None, "each message says its own");
    }

    #[test]
    fn keys_of_messages_are_free_where_messages_have_none() {
        let message = Message::new("g", "s", "m").attribute("__addcol2__ip", "10.0.0.1");
        assert!(with(|options| options.msg_type = 5).admit(&message).is_ok());
        assert!(with(|_| {}).admit(&message).is_ok());
        let refused = with(|options| options.extend_field = 1).admit(&message);
        assert!(
            matches!(refused, Err(SendError::InvalidInput(invalid)) if invalid.field.contains("__addcol2__ip"))
        );
    }

    #[test]
    fn local_time_is_written_in_digits() {
        let write = |ms, offset| {
            let mut out = Vec::new();
            put_local_time(&mut out, ms, offset);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(write(0, 0), "19700101000000");
        assert_eq!(write(1_700_000_000_000, 0), "20231114221320");
        assert_eq!(write(1_700_000_000_000, 480), "20231115061320");
        assert_eq!(write(1_709_164_800_000, -60), "20240228230000");
        assert_eq!(write(951_782_400_999, 0), "20000229000000");
    }
}
