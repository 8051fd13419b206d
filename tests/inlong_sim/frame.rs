//! Frames as a node reads them and the answers that it writes, by the protocol's tables and nothing of the crate.

/// What came in.
#[derive(Debug)]
pub(crate) enum Request {
    Heartbeat,
    Pack(Pack),
}

#[derive(Debug, Clone)]
pub(crate) struct Pack {
    pub(crate) msg_type: u8,
    /// `uniq` in type 7, `mid` in text types: the number of the batch.
    pub(crate) key: u64,
    pub(crate) attributes: String,
    /// The bytes of each message.
    pub(crate) messages: Vec<Vec<u8>>,
    /// The attributes of each message, where they have their own.
    pub(crate) own: Vec<String>,
    /// The data time, ms.
    pub(crate) time: u64,
    pub(crate) ext: usize,
    pub(crate) is_packed: bool,
    pub(crate) is_acked: bool,
}

/// The first frame of a stream, with its length, if it is there as a whole.
pub(crate) fn split(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(stream.get(..4)?.try_into().unwrap()) as usize;
    if stream.len() < 4 + length {
        return None;
    }
    let rest = stream.split_off(4 + length);
    Some(std::mem::replace(stream, rest))
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(format!("{count} bytes are not there"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
    }
}

/// Reads a frame with its length.
pub(crate) fn read(frame: &[u8]) -> Result<Request, String> {
    let mut bytes = Bytes(frame);
    if bytes.number(4)? + 4 != frame.len() {
        return Err("the length is another".into());
    }
    let type_byte = bytes.number(1)? as u8;
    match type_byte & 0x1f {
        7 => binary(bytes, type_byte & 0x20 != 0).map(Request::Pack),
        8 => {
            bytes.take(5)?;
            if (bytes.number(4)?, bytes.number(2)?, bytes.number(2)?) != (0, 0, 0xee01) || !bytes.0.is_empty()
            {
                return Err("no heartbeat".into());
            }
            Ok(Request::Heartbeat)
        }
        msg_type @ (2 | 3 | 5 | 6) if type_byte == msg_type => text(bytes, msg_type).map(Request::Pack),
        _ => Err(format!("type byte {type_byte:#x}")),
    }
}

fn binary(mut bytes: Bytes<'_>, is_packed: bool) -> Result<Pack, String> {
    if bytes.take(4)? != [0; 4] {
        return Err("group and stream are numbers".into());
    }
    let ext = bytes.number(2)?;
    if ext & 4 == 0 || ext & !0x27 != 0 {
        return Err(format!("ext field {ext:#x}"));
    }
    let time = bytes.number(4)? as u64 * 1_000;
    let count = bytes.number(2)?;
    let key = bytes.number(4)? as u64;
    let length = bytes.number(4)?;
    let body = unpacked(bytes.take(length)?, is_packed)?;
    let length = bytes.number(2)?;
    let attributes = attributes(bytes.take(length)?)?;
    if bytes.number(2)? != 0xee01 || !bytes.0.is_empty() {
        return Err("the frame goes on".into());
    }
    let (mut messages, own) = items(&body, ext & 1 != 0)?;
    if ext & 0x20 != 0 {
        let [lines] = &messages[..] else { return Err("lines in several items".into()) };
        messages = lines.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    }
    let is_acked = value(&attributes, "isAck") != Some("false");
    whole(Pack { msg_type: 7, key, attributes, messages, own, time, ext, is_packed, is_acked }, count)
}

fn text(mut bytes: Bytes<'_>, msg_type: u8) -> Result<Pack, String> {
    let length = bytes.number(4)?;
    let body = bytes.take(length)?;
    let length = bytes.number(4)?;
    let attributes = attributes(bytes.take(length)?)?;
    if !bytes.0.is_empty() {
        return Err("the frame goes on".into());
    }
    let is_packed = value(&attributes, "cp") == Some("snappy");
    let body = unpacked(body, is_packed)?;
    let number = |key| value(&attributes, key).and_then(|value| value.parse::<u64>().ok());
    let (Some(key), Some(count), Some(time)) = (number("mid"), number("cnt"), number("dt")) else {
        return Err(format!("no mid, no cnt or no dt in {attributes}"));
    };
    let (messages, own) = match msg_type {
        5 | 6 => items(&body, msg_type == 6)?,
        // One that holds LF travels by itself.
        _ if count == 1 => (vec![body], Vec::new()),
        _ => (body.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect(), Vec::new()),
    };
    let is_acked = value(&attributes, "isAck") != Some("false");
    whole(
        Pack { msg_type, key, attributes, messages, own, time, ext: 0, is_packed, is_acked },
        count as usize,
    )
}

fn whole(pack: Pack, count: usize) -> Result<Pack, String> {
    if pack.messages.len() != count || pack.messages.iter().any(Vec::is_empty) {
        return Err(format!("{count} messages are said, {} are there", pack.messages.len()));
    }
    Ok(pack)
}

fn unpacked(body: &[u8], is_packed: bool) -> Result<Vec<u8>, String> {
    if !is_packed {
        return Ok(body.to_vec());
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(|error| error.to_string())
}

fn attributes(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let keys: Vec<&str> = text.split('&').filter_map(|item| Some(item.split_once('=')?.0)).collect();
    let is_sound = text.split('&').all(|item| item.matches('=').count() == 1);
    let is_twice = keys.iter().enumerate().any(|(place, key)| keys[..place].contains(key));
    match is_sound && !is_twice && text.is_ascii() {
        true => Ok(text.to_owned()),
        false => Err(format!("attributes {text}")),
    }
}

/// What the attributes say of a key.
pub(crate) fn value<'a>(attributes: &'a str, key: &str) -> Option<&'a str> {
    attributes
        .split('&')
        .filter_map(|item| item.split_once('='))
        .find(|item| item.0 == key)
        .map(|item| item.1)
}

fn items(body: &[u8], with_attributes: bool) -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
    let (mut bytes, mut items, mut own) = (Bytes(body), Vec::new(), Vec::new());
    while !bytes.0.is_empty() {
        let length = bytes.number(4)?;
        items.push(bytes.take(length)?.to_vec());
        if with_attributes {
            let length = bytes.number(4)?;
            own.push(attributes(bytes.take(length)?)?);
        }
    }
    Ok((items, own))
}

/// The answer to a heartbeat.
pub(crate) fn beat(load: u16) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 16, 8, 0, 0, 0, 9, 1, 0, 0, 0, 2];
    out.extend(load.to_be_bytes());
    out.extend([0, 0, 0xee, 1]);
    out
}

/// The answer to a pack.
pub(crate) fn ack(pack: &Pack, code: u32) -> Vec<u8> {
    let said = match code {
        0 => "&rt=1700000000000&rtms=1700000000000".to_owned(),
        _ => format!("&errCode={code}&errMsg=it says: a=b&groupId=x, or so"),
    };
    let attributes = format!("dpIp=10.0.0.1{said}&{}", pack.attributes);
    let length = attributes.len() as u32;
    let mut out = Vec::new();
    if pack.msg_type == 7 {
        out.extend((9 + length).to_be_bytes());
        out.push(7);
        out.extend((pack.key as u32).to_be_bytes());
        out.extend((length as u16).to_be_bytes());
        out.extend(attributes.bytes());
        out.extend([0xee, 1]);
    } else {
        out.extend((10 + length).to_be_bytes());
        out.extend([pack.msg_type, 0, 0, 0, 1, 0x32]);
        out.extend(length.to_be_bytes());
        out.extend(attributes.bytes());
    }
    out
}
