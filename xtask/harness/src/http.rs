//! Just enough HTTP/1.1 over blocking sockets: a server's side for the capture server, a client's side to ask the collector.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::json::Json;

/// The largest message that is read.
const MAX_BODY: usize = 256 << 20;

/// How long the client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was read from a connection: the first line's words, the headers with names in lower case, the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads the next message; `None` when the other side closed the connection before it.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        Self::read_answer(from, false)
    }

    /// The same; the answer to a HEAD request has no body, whatever its head says.
    pub(crate) fn read_answer(from: &mut impl BufRead, is_head: bool) -> io::Result<Option<Self>> {
        let start = line(from)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let line = line(from)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header line without a colon"))?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start, headers, body: Vec::new() };
        if is_head || message.start.starts_with("HTTP/1.1 1") {
            return Ok(Some(message));
        }
        if message.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            message.body = chunks(from)?;
        } else if let Some(length) = message.header("content-length") {
            let length = length.parse().map_err(|_| bad("a content-length that is not a number"))?;
            message.body = exactly(from, length)?;
        } else if message.start.starts_with("HTTP/") && !message.start.contains(" 204") {
            from.take(MAX_BODY as u64).read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Sends a request to `url` (`http://host:port`) and reads the answer's status and body.
pub(crate) fn call(method: &str, url: &str, path: &str, body: Option<&Json>) -> io::Result<(u16, Vec<u8>)> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let body = body.map(Json::to_string).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{kind}content-length: {length}\r\n");
    stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes())?;
    let answer = Message::read(&mut BufReader::new(stream))?.ok_or_else(|| bad("no answer"))?;
    let status = answer.start.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| bad("an answer without a status"))?, answer.body))
}

/// Undoes percent escapes; what is not an escape stays.
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escape = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match escape {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(64 << 10).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?;
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| bad("a chunk without a size"))?;
        if size == 0 {
            while !line(from)?.is_empty() {}
            return Ok(body);
        }
        body.extend(exactly(from, size)?);
        if body.len() > MAX_BODY {
            return Err(bad("a body that is too large"));
        }
        line(from)?;
    }
}

fn exactly(from: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(bad("a body that is too large"));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(body)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::{Message, unescape};

    #[test]
    fn messages_are_read() {
        let mut bytes = &b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n\r\n"[..];
        let read = |bytes: &mut &[u8]| Message::read(bytes).unwrap_or_else(|error| panic!("{error}"));
        let post = read(&mut bytes).map(|message| (message.start, message.body));
        assert_eq!(post, Some(("POST /a HTTP/1.1".to_owned(), b"hi".to_vec())));
        assert_eq!(read(&mut bytes).map(|message| message.start), Some("GET / HTTP/1.1".to_owned()));
        assert_eq!(read(&mut bytes), None);
        let mut bytes =
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n"[..];
        assert_eq!(read(&mut bytes).map(|message| message.body), Some(b"hi!".to_vec()));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape("a%20b%E4%B8%AD%2"), "a b中%2");
    }
}
