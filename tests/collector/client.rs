//! A client that hides nothing: it shows every header, and an answer that did not come.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use trackwire::collector::{Collector, Handle, Options};

/// Where events of the project `p` go.
pub(crate) const EVENTS: &str = "/v3/projects/p/collect";

pub(crate) struct Server {
    pub(crate) handle: Handle,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// One connection.
pub(crate) struct Connection {
    input: BufReader<TcpStream>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self { handle: Collector::spawn(options).unwrap() }
    }

    pub(crate) fn connect(&self) -> Connection {
        let address = self.handle.url().strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Connection { input: BufReader::new(stream) }
    }

    /// A request on a connection of its own; an error when it is cut without an answer.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let answer = self.connect().request(method, path, headers, body);
        if let Ok(answer) = &answer {
            // Holds for each and every answer, those of faults and errors too.
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{method} {path}");
            assert_eq!(
                answer.header("access-control-expose-headers"),
                Some("Retry-After"),
                "{method} {path}"
            );
        }
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").unwrap()
    }

    /// Sends JSON; the status.
    pub(crate) fn post(&self, path: &str, body: &str) -> u16 {
        self.request("POST", path, &[("content-type", "application/json")], body.as_bytes()).unwrap().status
    }

    /// One custom event with this name.
    pub(crate) fn track(&self, name: &str) -> io::Result<u16> {
        let body = format!(r#"[{{"eventType":"CUSTOM","eventName":"{name}"}}]"#);
        self.request("POST", EVENTS, &[], body.as_bytes()).map(|answer| answer.status)
    }

    pub(crate) fn faults(&self, rules: &str) {
        assert_eq!(self.post("/trackwire/faults", &format!("{{\"faults\":{rules}}}")), 200);
    }

    pub(crate) fn faults_left(&self) -> String {
        self.get("/trackwire/faults").json()["faults"].to_string()
    }

    pub(crate) fn stats(&self) -> Value {
        self.get("/trackwire/stats").json()
    }

    /// The records that a query finds, in one answer.
    pub(crate) fn records(&self, path: &str) -> Vec<Value> {
        self.get(&format!("/trackwire/{path}")).json()["records"].as_array().unwrap().clone()
    }

    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let name = |record: &Value| record["name"].as_str().unwrap_or("-").to_owned();
        self.records(path).iter().map(name).collect()
    }
}

impl Connection {
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if method == "POST" && !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        self.write((head + "\r\n").as_bytes())?;
        self.write(body)?;
        self.answer(method == "HEAD")
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.get_mut().write_all(bytes)
    }

    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.input.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// The head of an answer and its body, if that has a length.
    pub(crate) fn answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let line = self.line()?;
        let status =
            line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let len = answer.header("content-length").map_or(0, |len| len.parse().unwrap());
        if !is_head {
            answer.body = vec![0; len];
            self.input.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Whether the other side closes without another byte.
    pub(crate) fn ends(&mut self) -> bool {
        matches!(self.input.read(&mut [0]), Ok(0) | Err(_))
    }

    /// The next line of a chunked body.
    pub(crate) fn chunked_line(&mut self, rest: &mut String) -> io::Result<String> {
        loop {
            if let Some((line, tail)) = rest.split_once('\n') {
                let (line, tail) = (line.to_owned(), tail.to_owned());
                *rest = tail;
                return Ok(line);
            }
            let len = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut chunk = vec![0; len + 2];
            self.input.read_exact(&mut chunk)?;
            rest.push_str(std::str::from_utf8(&chunk[..len]).map_err(io::Error::other)?);
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
