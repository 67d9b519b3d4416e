//! A server on this machine that answers by a function and remembers its requests.
//!
//! It uses plain sockets, so that it can also do what no HTTP library does: break off in the middle
//! of an answer, or send it one byte at a time.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that the server received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Headers, with their names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer, and how to send it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after this many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Wait this long before the answer.
    pub(crate) delay: Duration,
    /// Send the whole answer twice, as if there were two.
    pub(crate) twice: bool,
    /// Close the connection without an answer.
    pub(crate) mute: bool,
    /// Wait this long before each byte of the body.
    pub(crate) drip: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::status(200)
            .with("content-type", "application/json")
            .body(value.to_string().as_bytes())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

/// A running server on a free port.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (answer.clone(), log.clone());
                std::thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self, method: &str) -> usize {
        self.requests().iter().filter(|r| r.method == method).count()
    }
}

/// Serves one request per connection; a client that hangs up early does not fail the test.
fn serve(stream: TcpStream, answer: &dyn Fn(&Request) -> Reply, log: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = (&mut reader).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let headers: HashMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned())))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let request = Request { method, path, headers, body };
    log.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    std::thread::sleep(reply.delay);
    if reply.mute {
        return;
    }
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status).unwrap();
    write!(head, "content-length: {}\r\n", reply.body.len()).unwrap();
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.extend(b"\r\n");
    let mut stream = stream;
    let _ = stream.write_all(&head);
    if request.method != "HEAD" {
        let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
        if reply.drip.is_zero() {
            let _ = stream.write_all(&reply.body[..end]);
            if reply.twice {
                let _ = stream.write_all(&head).and_then(|()| stream.write_all(&reply.body));
            }
        } else {
            for byte in &reply.body[..end] {
                std::thread::sleep(reply.drip);
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        }
    }
    let _ = stream.flush();
}
