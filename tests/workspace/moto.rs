//! An S3 of the tests' own: moto, on a free port, gone with the test, even a killed one.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use palisade::{
    config::Sensitive,
    workspace::s3::{Bucket, S3Workspace},
};

/// Ends when nobody holds the other end of its standard input any more.
const SERVER: &str = "
import os, sys, threading
def end():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end, daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";

pub struct Moto {
    server: Child,
    _alive: ChildStdin,
    address: String,
}

impl Moto {
    pub fn start() -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = Command::new(home.join("scripts/moto.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(found.status.success(), "scripts/moto.sh failed: make setup says what is missing");
        let python = home.join(String::from_utf8(found.stdout).unwrap().trim());
        let mut server = Command::new(python)
            .args(["-c", SERVER])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let alive = server.stdin.take().unwrap();
        let mut said = BufReader::new(server.stderr.take().unwrap()).lines();
        let address = said
            .find_map(|line| line.unwrap().split("Running on ").nth(1).map(|url| url.trim().to_owned()))
            .expect("moto says where it listens");
        // It must not wait for somebody to read what it says.
        std::thread::spawn(move || said.for_each(drop));
        Self { server, _alive: alive, address }
    }

    /// A workspace in a bucket of its own.
    pub fn workspace(&self, name: &str) -> S3Workspace {
        let name: String = name.replace('_', "-").chars().take(60).collect();
        let name = name.trim_matches('-').to_owned();
        let host = self.address.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        std::io::Write::write_all(
            &mut stream,
            format!("PUT /{name} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
        let mut made = String::new();
        BufReader::new(stream).read_line(&mut made).unwrap();
        assert!(made.contains("200"), "{made}");
        S3Workspace::open(&Bucket {
            name,
            endpoint: self.address.clone(),
            region: "us-east-1".to_owned(),
            access_key_id: "test".to_owned(),
            secret_access_key: Sensitive::new("test"),
        })
        .unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
