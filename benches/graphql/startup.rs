//! How long the program takes to serve, and the memory that it holds then.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_palisade");
const RUNS: usize = 5;
/// What memory is looked at after: work that the start leaves to the background is done by then.
const IDLE: Duration = Duration::from_secs(1);
const INTROSPECTION: &str = r#"{"query":"{__schema{types{name kind description fields(includeDeprecated:true){name description args{name description type{name kind ofType{name kind}}} type{name kind ofType{name kind ofType{name}}}} inputFields{name} enumValues{name description} possibleTypes{name}}}}"}"#;

/// The medians of several starts of `palisade serve` over a SQLite database whose migrations are current.
#[derive(Debug)]
pub struct Startup {
    /// From the start of the process to the line that says where it listens.
    pub time: Duration,
    /// Resident memory when idle, in KiB.
    pub idle: u64,
    /// Resident memory after the schema was asked for once.
    pub introspected: u64,
}

/// Starts the program several times.
pub fn measure() -> Startup {
    let folder = tempfile::tempdir().unwrap();
    assert!(command(folder.path(), &["migrate", "up"]).status().unwrap().success());
    // The first start makes the secret and the signing key.
    start(folder.path());
    let mut runs: Vec<_> = (0..RUNS).map(|_| start(folder.path())).collect();
    let mut median = |key: fn(&Startup) -> u128| {
        runs.sort_by_key(key);
        key(&runs[RUNS / 2])
    };
    let time = Duration::from_nanos(u64::try_from(median(|run| run.time.as_nanos())).unwrap());
    let idle = u64::try_from(median(|run| run.idle.into())).unwrap();
    let introspected = u64::try_from(median(|run| run.introspected.into())).unwrap();
    Startup { time, idle, introspected }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).current_dir(folder);
    command.env("PALISADE_DATA__DIR", folder).env("PALISADE_HTTP__LISTEN", "127.0.0.1:0");
    command
}

fn start(folder: &Path) -> Startup {
    let began = Instant::now();
    let mut server = command(folder, &["serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let listening = lines.map_while(Result::ok).find(|line| line.starts_with("Palisade listens"));
    let time = began.elapsed();
    let listening = listening.expect("a server that listens");
    let address = listening.rsplit_once("//").unwrap().1.to_owned();
    thread::sleep(IDLE);
    let idle = resident(&server);
    introspect(&address);
    let introspected = resident(&server);
    server.kill().unwrap();
    server.wait().unwrap();
    Startup { time, idle, introspected }
}

fn resident(server: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn introspect(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = INTROSPECTION.len();
    write!(
        stream,
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{INTROSPECTION}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.len() > 10_000, "{answer}");
}
