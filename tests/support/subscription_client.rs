//! Two small clients: HTTP with server-sent events, and `graphql-transport-ws`.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::server::Caller;

/// For what should take no time, on a machine that has much to do.
pub const SOON: Duration = Duration::from_secs(10);
/// How long to wait for what should not come.
const QUIET: Duration = Duration::from_millis(700);

/// An HTTP/1.1 answer, read piece by piece.
pub struct Http {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    events: VecDeque<(String, String)>,
    rest: String,
}

pub async fn http(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Http {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}");
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    stream.write_all(format!("{head}{length}\r\n{body}").as_bytes()).await.unwrap();
    let mut reader = BufReader::new(stream);
    let status = line(&mut reader).await.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let line = line(&mut reader).await;
        match line.split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    Http { status, headers, reader, events: VecDeque::new(), rest: String::new() }
}

async fn line(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    // With hundreds of streams open, and other tests beside this one, an answer may take its time.
    timeout(SOON * 6, reader.read_line(&mut line)).await.expect("a line in time").unwrap();
    line.trim_end().to_owned()
}

impl Http {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The next piece of a body; nothing at its end. A connection that breaks is an end, too.
    async fn piece(&mut self) -> Option<String> {
        if self.header("transfer-encoding") != Some("chunked") {
            let mut all = String::new();
            self.reader.read_to_string(&mut all).await.unwrap();
            return Some(all).filter(|all| !all.is_empty());
        }
        let mut size = String::new();
        self.reader.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut bytes = vec![0; size + 2];
        self.reader.read_exact(&mut bytes).await.ok()?;
        bytes.truncate(size);
        Some(String::from_utf8(bytes).unwrap()).filter(|piece| !piece.is_empty())
    }

    pub async fn text(&mut self) -> String {
        let mut all = String::new();
        while let Some(piece) = self.piece().await {
            all.push_str(&piece);
        }
        all
    }

    /// The next event, comments left out; nothing at the end of the stream.
    pub async fn event(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let piece = self.piece().await?;
            self.rest.push_str(&piece);
            while let Some((block, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
                };
                if !field("event").is_empty() {
                    self.events.push_back((field("event"), field("data")));
                }
                self.rest = rest.to_owned();
            }
        }
    }

    /// Waits for so many signs of life.
    pub async fn comments(&mut self, count: usize) {
        let mut all = String::new();
        while all.matches(":\n\n").count() < count {
            all.push_str(&self.piece().await.expect("more"));
        }
    }

    /// The next result.
    pub async fn result(&mut self) -> Value {
        let (event, data) = timeout(SOON, self.event()).await.expect("an event in time").expect("an event");
        assert_eq!(event, "next", "{data}");
        serde_json::from_str(&data).unwrap()
    }

    /// Asserts that nothing comes.
    pub async fn is_quiet(&mut self) {
        let came = timeout(QUIET, self.event()).await;
        assert!(came.is_err(), "{came:?}");
    }
}

impl Caller<'_> {
    /// Follows over server-sent events.
    pub async fn follow(&self, query: &str, variables: Value) -> Http {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("accept", "text/event-stream"),
            ("authorization", &format!("Bearer {}", self.token)),
        ];
        http(self.node.address, "POST", "/graphql", &headers, &body).await
    }

    /// The same, where it must work.
    pub async fn follows(&self, query: &str, variables: Value) -> Http {
        let mut stream = self.follow(query, variables).await;
        if stream.status != 200 {
            let text = stream.text().await;
            panic!("{}: {text}", stream.status);
        }
        stream
    }

    /// A socket that has said who it is.
    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::open(self.node.address).await;
        let init =
            json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {}", self.token) } });
        socket.send(init).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
        socket
    }
}

/// A WebSocket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn open(address: SocketAddr) -> Self {
        Self::try_open(address, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// The status of a handshake that is refused.
    pub async fn try_open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn send(&mut self, message: Value) {
        self.raw(Message::text(message.to_string())).await;
    }

    pub async fn raw(&mut self, message: Message) {
        // A server that has closed takes nothing more.
        let _ = self.0.send(message).await;
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query, "variables": variables } }))
            .await;
    }

    pub async fn frame(&mut self) -> Option<Message> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn receive(&mut self) -> Value {
        match timeout(SOON, self.frame()).await.expect("a message in time") {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message, or the end of the socket, whichever comes.
    pub async fn receive_or_end(&mut self) {
        let _ = timeout(SOON, self.frame()).await.expect("an answer in time");
    }

    /// The payload of the next result for `id`.
    pub async fn result(&mut self, id: &str) -> Value {
        let mut message = self.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{message}");
        message["payload"].take()
    }

    /// The code of the error that ends `id`.
    pub async fn error(&mut self, id: &str) -> String {
        let message = self.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        message["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    }

    /// Whether nothing comes.
    pub async fn is_quiet(&mut self) {
        let came = timeout(QUIET, self.frame()).await;
        assert!(came.is_err(), "{came:?}");
    }

    /// The code with which the server closes, whatever comes before.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(SOON, self.frame()).await.expect("an end in time") {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Asserts that something happens within this time, and answers what.
pub async fn within<T>(limit: Duration, what: impl Future<Output = T>) -> T {
    timeout(limit, what).await.expect("it happens in time")
}
