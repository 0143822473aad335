//! A small SMTP server (RFC 5321) on a port of its own: it takes mail, or fails as it is told, one answer a connection.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// What one connection is answered. Without one that waits, mail is taken.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// This code to RCPT.
    Recipient(u16),
    /// This code to the message.
    Message(u16),
    /// The message is taken, and the connection cut before that is said.
    Silence,
    /// Nothing is said at all.
    Hang,
}

/// A mail as it came over the wire.
#[derive(Clone, Debug)]
pub struct Taken {
    pub from: String,
    pub to: String,
    pub text: String,
}

pub struct SmtpServer {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    signed_in: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Mutex<Vec<Taken>>>::default();
        let answers = Arc::<Mutex<VecDeque<Answer>>>::default();
        let signed_in = Arc::<Mutex<Vec<String>>>::default();
        let (kept, told, users) = (Arc::clone(&taken), Arc::clone(&answers), Arc::clone(&signed_in));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, answers, users) = (Arc::clone(&taken), Arc::clone(&answers), Arc::clone(&users));
                tokio::spawn(async move {
                    let answer = answers.lock().unwrap().pop_front();
                    // Whoever hangs up has had enough.
                    let _ = serve(stream, answer, &taken, &users).await;
                });
            }
        });
        Self { address, taken: kept, answers: told, signed_in, task: task.abort_handle() }
    }

    /// Answers the next connections so.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// What clients signed in with.
    pub fn signed_in(&self) -> Vec<String> {
        self.signed_in.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    answer: Option<Answer>,
    taken: &Mutex<Vec<Taken>>,
    users: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    if matches!(answer, Some(Answer::Hang)) {
        return std::future::pending().await;
    }
    write.write_all(b"220 sink ready\r\n").await?;
    let (mut from, mut to) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await? {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let reply = match word.as_str() {
            // No STARTTLS is offered.
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
            "HELO" | "RSET" | "NOOP" => "250 ok".to_owned(),
            "AUTH" => {
                users.lock().unwrap().push(line.clone());
                "235 welcome".to_owned()
            }
            "MAIL" => {
                from = line;
                "250 ok".to_owned()
            }
            "RCPT" => match answer {
                Some(Answer::Recipient(code)) => format!("{code} no, {line}"),
                _ => {
                    to = line;
                    "250 ok".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push_str("\r\n");
                }
                if let Some(Answer::Message(code)) = answer {
                    format!("{code} no")
                } else {
                    taken.lock().unwrap().push(Taken { from: from.clone(), to: to.clone(), text });
                    if matches!(answer, Some(Answer::Silence)) {
                        return Ok(());
                    }
                    "250 taken".to_owned()
                }
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "500 what?".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}
