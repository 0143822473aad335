//! The process itself: how it starts, what it logs, how it stops, and what its commands answer.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// The program, deaf to the settings of whoever runs the tests.
pub fn palisade(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.env_clear().current_dir(folder).env("PALISADE_HTTP__LISTEN", "127.0.0.1:0");
    command
}

pub fn run(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        palisade(folder).args(arguments).envs(env.iter().copied()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub struct Running {
    child: Child,
    pub address: String,
}

impl Running {
    pub fn start(folder: &Path, env: &[(&str, &str)]) -> Self {
        let mut command = palisade(folder);
        command.args(["demo", "--data-dir", "data"]).envs(env.iter().copied());
        Self::listen(command)
    }

    /// Starts a server and waits until it says where it listens.
    pub fn listen(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            // The demo introduces its people first.
            line.strip_prefix("Palisade listens on http://").map(str::to_owned)
        });
        let address = address.unwrap_or_else(|| panic!("it ended without listening"));
        Self { child, address }
    }

    /// Sends a request's head and the first part of its body.
    fn begin(&self, body: &str, part: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /graphql HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{}",
            &body[..part]
        )
        .unwrap();
        stream
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads the log as it is written: a server that says much must not wait for somebody to listen.
    pub fn read_log(&mut self) -> std::thread::JoinHandle<String> {
        let mut from = self.child.stderr.take().unwrap();
        std::thread::spawn(move || {
            let mut log = String::new();
            from.read_to_string(&mut log).unwrap();
            log
        })
    }

    /// Exit code, of a server whose log is read already.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Exit code and log.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Running {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(mut stream: TcpStream, body: &str) -> String {
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

const BODY: &str =
    r#"{"query":"query Look($s: String) { __typename }","operationName":"Look","variables":{"s":"hunter2"}}"#;

#[test]
fn a_signal_ends_the_process_with_0_after_the_running_request() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Running::start(folder.path(), &[]);
        let stream = server.begin(BODY, 20);
        std::thread::sleep(Duration::from_millis(200));
        server.signal(signal);
        std::thread::sleep(Duration::from_millis(200));
        let answer = rest(stream, &BODY[20..]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(server.end().0, Some(0));
    }
}

#[test]
fn a_request_that_never_ends_does_not_keep_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), &[("PALISADE_HTTP__SHUTDOWN_GRACE", "300ms")]);
    let _stream = server.begin(BODY, 20);
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    server.signal("-TERM");
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(5) && log.contains("shutdown_grace"), "{log}");
}

#[test]
fn one_line_is_logged_for_a_request_without_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), &[("PALISADE_LOG__FORMAT", "json"), ("PALISADE_LOG__FILTER", "trace")]);
    assert!(rest(server.begin(BODY, 0), BODY).starts_with("HTTP/1.1 200"));
    server.signal("-TERM");
    let (_, log) = server.end();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["target"] == "palisade::request").collect();
    assert_eq!(requests.len(), 1, "{log}");
    let line = requests[0];
    assert_eq!((&line["method"], &line["path"], &line["status"]), (&"POST".into(), &"/graphql".into(), &200.into()));
    assert_eq!((&line["operation"], &line["viewer"]), (&"Look".into(), &"anonymous".into()));
    assert!(line["document"].as_str().is_some_and(|hash| hash.len() == 16), "{line}");
    assert!(!log.contains("hunter2") && !log.contains("__typename"), "{log}");
}

#[test]
fn serving_needs_a_schema_that_is_current_and_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = run(folder.path(), &["serve"], &[]);
    assert_eq!(code, 1);
    assert!(said.contains("palisade migrate up"), "{said}");
    assert_eq!(run(folder.path(), &["migrate", "status"], &[]).0, 1);
    let (code, told, said) = run(folder.path(), &["migrate", "up"], &[]);
    assert_eq!(code, 0, "{said}");
    assert!(told.contains("applied m0018_multi_tenancy") && told.contains("was changed"), "{told}");
    let (code, told, _) = run(folder.path(), &["migrate", "status"], &[]);
    assert!(code == 0 && told.contains("Nothing was changed"), "{told}");
}

#[test]
fn a_wrong_setting_or_command_line_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = run(folder.path(), &["serve"], &[("PALISADE_HTTP__LISTN", "x")]);
    assert_eq!((code, said.contains("did you mean `http.listen`")), (1, true), "{said}");
    assert_eq!(run(folder.path(), &["srve"], &[]).0, 2);
    let (code, told, _) = run(folder.path(), &["--help"], &[]);
    assert!(code == 0 && told.contains("palisade demo"), "{told}");
}

#[test]
fn settings_are_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("PALISADE_IDENTITY__SECRET", "hunter2"), ("PALISADE_DATABASE__URL", "postgres://ada:hunter2@db/p")];
    let (code, told, _) = run(folder.path(), &["serve", "--print-config"], &env);
    assert!(code == 0 && told.contains("[limits]\n") && !told.contains("hunter2"), "{told}");
}

#[test]
fn a_database_that_cannot_be_reached_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://ada:hunter2@127.0.0.1:1/p";
    let env = [("PALISADE_DATABASE__URL", url), ("PALISADE_DATABASE__ACQUIRE_TIMEOUT", "500ms")];
    for arguments in [&["migrate", "status"][..], &["doctor"]] {
        let (code, told, said) = run(folder.path(), arguments, &env);
        let both = told + &said;
        assert!(code == 1 && both.contains("does not answer") && !both.contains("hunter2"), "{both}");
    }
}

#[test]
fn the_doctor_names_what_is_missing_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told, _) = run(folder.path(), &["doctor"], &[]);
    assert_eq!(code, 1);
    for words in [
        "✓ server secret",
        "✓ workspace usable",
        "✓ database reachable",
        "✗ migrations current",
        "→ run `palisade migrate up`",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn the_printed_matrix_and_schema_are_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["policy", "print"], &[]).1, palisade::policy::markdown::permissions());
    let (_, sdl, _) = run(folder.path(), &["schema", "print"], &[]);
    let file = folder.path().join("schema.graphql");
    std::fs::write(&file, &sdl).unwrap();
    assert_eq!(run(folder.path(), &["schema", "check"], &[]).0, 0);
    std::fs::write(&file, sdl.replace("Query", "Qery")).unwrap();
    let (code, _, said) = run(folder.path(), &["schema", "check"], &[]);
    assert!(code == 1 && said.contains("is stale from line"), "{said}");
}

#[test]
fn the_demo_begins_again_only_in_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/thesis.txt"), "mine").unwrap();
    let (code, _, said) = run(folder.path(), &["demo", "--data-dir", "data", "--reset"], &[]);
    assert!(code == 1 && said.contains("was not touched"), "{said}");
    assert!(folder.path().join("data/thesis.txt").exists());
}

#[tokio::test]
async fn on_postgresql_too_it_migrates_looks_itself_over_and_serves() {
    let database = crate::support::postgres::cluster().await.create_database(None).await;
    let url = database.url("postgres");
    let folder = tempfile::tempdir().unwrap();
    let secret = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let env = [("PALISADE_DATABASE__URL", url.as_str()), ("PALISADE_IDENTITY__SECRET", secret)];
    let (code, told, said) = run(folder.path(), &["migrate", "up"], &env);
    assert_eq!(code, 0, "{told}{said}");
    let (_, told, said) = run(folder.path(), &["doctor"], &env);
    for words in ["✓ server secret", "✓ database reachable", "✓ migrations current", "✓ row-level security forced"]
    {
        assert!(told.contains(words), "{told}{said}");
    }
    // A login that owns nothing and may only become the four roles.
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let login = format!("server_{}", database.name());
    let roles = "palisade_tenant, palisade_operator, palisade_identity, palisade_system";
    let sql = format!("CREATE ROLE {login} LOGIN NOINHERIT; GRANT {roles} TO {login}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let url = database.url(&login);
    // A login of one role, and one that could become all: the doctor tells them apart.
    let alone = format!("operator_{}", database.name());
    let sql = format!("CREATE ROLE {alone} LOGIN NOINHERIT IN ROLE palisade_operator");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let (alone, all) = (database.url(&alone), env[0].1);
    let env = [env[0], env[1], ("PALISADE_DATABASE__OPERATOR_URL", &alone), ("PALISADE_DATABASE__TENANT_URL", all)];
    let (code, told, said) = run(folder.path(), &["doctor"], &env);
    assert!(code == 1 && told.contains("✓ login of palisade_operator"), "{told}{said}");
    let wide = "login of palisade_tenant: it may also become palisade_operator, palisade_identity, palisade_system";
    assert!(told.contains(wide), "{told}{said}");
    let mut command = palisade(folder.path());
    command.arg("serve").env("PALISADE_DATABASE__URL", &url).env("PALISADE_IDENTITY__SECRET", secret);
    let server = Running::listen(command);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let answer = rest(stream, "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}

/// Connections are made when first needed, so that a database that is late does not keep the server from starting.
#[test]
fn a_postgresql_that_does_not_answer_is_told_by_readiness_not_by_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = palisade(folder.path());
    command.arg("serve").env("PALISADE_DATABASE__URL", "postgres://ada:hunter2@127.0.0.1:1/p");
    command.env("PALISADE_DATABASE__ACQUIRE_TIMEOUT", "300ms");
    command.env("PALISADE_IDENTITY__SECRET", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=");
    let server = Running::listen(command);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let answer = rest(stream, "");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    server.signal("-TERM");
    let (code, log) = server.end();
    assert!(code == Some(0) && log.contains("does not answer") && !log.contains("hunter2"), "{log}");
}

#[test]
fn mail_without_a_server_is_shown_on_this_machine_and_links_are_not_sent_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let look = |env: &[(&str, &str)]| {
        let mut command = palisade(folder.path());
        command.arg("serve").env("PALISADE_DATABASE__MIGRATE_ON_START", "true").envs(env.iter().copied());
        let server = Running::listen(command);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let host = &server.address;
        write!(stream, "GET /dev/mailbox HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        rest(stream, "")
    };
    assert!(look(&[]).starts_with("HTTP/1.1 200"));
    for elsewhere in
        [("PALISADE_HTTP__PUBLIC_URL", "https://palisade.example"), ("PALISADE_MAIL__SMTP_HOST", "mail.example")]
    {
        assert!(look(&[elsewhere]).starts_with("HTTP/1.1 404"), "{elsewhere:?}");
    }
    let demo = Running::start(folder.path(), &[("PALISADE_MAIL__SMTP_HOST", "mail.example")]);
    let mut stream = TcpStream::connect(&demo.address).unwrap();
    write!(stream, "GET /dev/mailbox HTTP/1.1\r\nhost: demo.example\r\nconnection: close\r\n\r\n").unwrap();
    assert!(rest(stream, "").starts_with("HTTP/1.1 200"));
    let clear = [("PALISADE_MAIL__SMTP_HOST", "mail.example"), ("PALISADE_MAIL__SMTP_SECURITY", "none")];
    let (code, _, said) = run(folder.path(), &["serve"], &clear);
    assert!(code == 1 && said.contains("mail.smtp_security"), "{said}");
    let (code, _, said) = run(folder.path(), &["serve"], &[("PALISADE_MAIL__SMTP_SECURITY", "hunter2")]);
    assert!(code == 1 && said.contains("starttls, tls or none") && !said.contains("hunter2"), "{said}");
}
