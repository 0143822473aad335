//! A private PostgreSQL cluster for the tests.
//!
//! It owns: finding the server's programs, starting one cluster and ending it with the tests, one database a test,
//! and templates, so that the migrations run once and not once a test. It refuses to use a server that already runs:
//! a test never sees a developer's data, and needs no password, port or clean-up.
//!
//! ```ignore
//! let cluster = postgres::cluster().await;
//! let template = cluster.template("migrated_3fa9c1", async |url| migrate(&url).await).await;
//! let database = cluster.create_database(Some(&template)).await;
//! let pool = PgPool::connect(&database.url("palisade_tenant")).await?;
//! ```
//!
//! **One cluster.** Under `cargo test` all tests are one process, and the cluster is that process's. Under
//! `cargo nextest` every test is a process, and the cluster belongs to the run: the first test starts it, the others
//! find it through a file named by `NEXTEST_RUN_ID`. `PALISADE_TEST_PG`, the URL of a superuser who may sign in as
//! anyone, is used instead of either when it is set.
//!
//! **Its end.** A static is never dropped and a killed process cleans up nothing, so the server is not our child but
//! that of `postgres.sh`, which waits for our end of a pipe to close (or for the nextest run to be gone), whatever
//! closed it, then stops the server and removes its folder. It has a process group of its own: neither an interrupt
//! from the keyboard nor a runner that kills a test's group reaches it first.
//!
//! **Root.** PostgreSQL refuses to run as root; then everything here runs as the user `postgres`.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

const SCRIPT: &str = include_str!("postgres.sh");
const SUPERUSER: &str = "postgres";
/// Whoever holds it builds a template. One lock for all of them: migrations make roles, which the whole cluster shares.
const BUILDING: i64 = 0x70a1_15ad_e000_0001;

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

/// The cluster of this test run, started by whoever asks first.
///
/// # Panics
///
/// When there is no PostgreSQL to start: a test that needs a database is never skipped in silence.
pub async fn cluster() -> &'static Cluster {
    match CLUSTER.get() {
        Some(cluster) => cluster,
        None => tokio::task::spawn_blocking(|| CLUSTER.get_or_init(Cluster::obtain)).await.unwrap(),
    }
}

/// A running PostgreSQL on which anybody may sign in as any login role.
#[derive(Debug)]
pub struct Cluster {
    superuser: PgConnectOptions,
    /// The cluster ends when this is closed: that is, with the process.
    _alive: Option<ChildStdin>,
}

impl Cluster {
    /// A new database, empty or a copy of `template`, removed when the value is dropped.
    pub async fn create_database(&self, template: Option<&str>) -> Database {
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let template = template.unwrap_or("template0");
        let mut connection = self.connect().await;
        run(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await;
        Database { superuser: self.superuser.clone().database(&name), name }
    }

    /// The name of the template that `key` stands for, built now if this cluster has none by that name.
    ///
    /// `build` gets a superuser's URL of an empty database. It runs once for a key and cluster, however many tests and
    /// processes ask at once, and never beside another template's. The key says what is in the template, by a hash of
    /// it: letters in lower case, digits and underscores.
    pub async fn template<E: Into<Box<dyn Error>>>(
        &self,
        key: &str,
        build: impl AsyncFnOnce(String) -> Result<(), E>,
    ) -> String {
        let plain = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(plain && (1..=40).contains(&key.len()), "{key:?} cannot name a template");
        let name = format!("template_{key}");
        let mut connection = self.connect().await;
        if exists(&mut connection, &name).await {
            return name;
        }
        run(&mut connection, format!("SELECT pg_advisory_lock({BUILDING})")).await;
        if exists(&mut connection, &name).await {
            return name;
        }
        // Built under another name: a template that exists is a finished one, even if a builder was killed half-way.
        let unfinished = format!("unfinished_{key}");
        run(&mut connection, format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")).await;
        run(&mut connection, format!("CREATE DATABASE {unfinished} TEMPLATE template0 STRATEGY FILE_COPY")).await;
        if let Err(error) = build(url(self.superuser.clone().database(&unfinished))).await {
            panic!("cannot build the template {key}: {}", error.into());
        }
        // A connection left open would forbid every copy.
        run(&mut connection, format!("ALTER DATABASE {unfinished} WITH ALLOW_CONNECTIONS false")).await;
        run(
            &mut connection,
            format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{unfinished}'"),
        )
        .await;
        run(&mut connection, format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
        name
    }

    async fn connect(&self) -> PgConnection {
        self.superuser.connect().await.unwrap_or_else(|error| panic!("cannot reach the tests' PostgreSQL: {error}"))
    }

    fn obtain() -> Self {
        if let Ok(url) = env::var("PALISADE_TEST_PG") {
            return Self::at(&url);
        }
        match env::var("NEXTEST_RUN_ID") {
            Ok(run) => Self::of_run(&run),
            Err(_) => {
                let (url, alive) = start(None);
                Self { _alive: Some(alive), ..Self::at(&url) }
            }
        }
    }

    fn at(url: &str) -> Self {
        Self { superuser: url.parse().expect("the URL of the tests' PostgreSQL"), _alive: None }
    }

    fn of_run(run: &str) -> Self {
        let path = env::temp_dir().join(format!("palisade-pg-{run}.url"));
        let mut file = File::options().read(true).append(true).create(true).open(&path).unwrap();
        file.lock().unwrap();
        let mut found = String::new();
        file.read_to_string(&mut found).unwrap();
        if found.is_empty() {
            found = start(Some(&path)).0;
            file.write_all(found.as_bytes()).unwrap();
        }
        Self::at(&found)
    }
}

/// A test's own database.
#[derive(Debug)]
pub struct Database {
    superuser: PgConnectOptions,
    name: String,
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where `role` finds it, as sqlx and `psql` take it.
    pub fn url(&self, role: &str) -> String {
        url(self.superuser.clone().username(role))
    }
}

impl Drop for Database {
    /// Best effort, connections or not: what stays behind goes with the cluster. It waits, since under nextest the
    /// process ends with its test.
    fn drop(&mut self) {
        let server = self.superuser.clone().database(SUPERUSER);
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| {
                runtime.block_on(async {
                    let mut connection = server.connect().await?;
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await
                })
            })
        });
        drop(dropping.join());
    }
}

async fn run(connection: &mut PgConnection, statement: String) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.as_str().to_owned())).execute(connection).await {
        panic!("{statement}: {error}");
    }
}

async fn exists(connection: &mut PgConnection, database: &str) -> bool {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)").bind(database);
    found.fetch_one(connection).await.unwrap()
}

fn url(options: PgConnectOptions) -> String {
    options.to_url_lossy().into()
}

/// Starts a cluster that lives as long as the answer's pipe, or, given the file by which a nextest run finds its
/// cluster, as long as that run.
fn start(run_file: Option<&Path>) -> (String, ChildStdin) {
    let bin = programs().expect("no PostgreSQL server is installed (initdb and postgres): run `make setup`");
    let prefix = "palisade-pg-";
    let rights = fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix(prefix).permissions(rights).tempdir().unwrap().keep();
    let socket = dir.join(".s.PGSQL.5432");
    assert!(socket.as_os_str().len() < 104, "too long for a socket: {}; set TMPDIR", socket.display());
    let script = dir.join("postgres.sh");
    fs::write(&script, SCRIPT).unwrap();

    let mut command = Command::new("/bin/sh");
    command.arg(&script).arg(bin).arg(&dir);
    if let Some(file) = run_file {
        command.arg(parent_id().to_string()).arg(file);
    }
    if fs::metadata(&dir).unwrap().uid() == 0 {
        let (uid, gid) = account(SUPERUSER).expect("root cannot run PostgreSQL and there is no user `postgres`");
        for path in [Some(&*dir), Some(&*script), run_file].into_iter().flatten() {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
        command.uid(uid).gid(gid);
    }
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[expect(clippy::zombie_processes, reason = "it outlives us, to clean up")]
    let mut child = command.spawn().unwrap();

    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(answer.trim(), "ready", "cannot start a PostgreSQL for the tests");
    let server = PgConnectOptions::new_without_pgpass().socket(dir).port(5432).ssl_mode(PgSslMode::Disable);
    (url(server.username(SUPERUSER).database(SUPERUSER)), child.stdin.take().unwrap())
}

/// The folder of the newest server's programs. Debian keeps them out of the path, by version; what is in the path may
/// be a wrapper, and is only asked when there is nothing else.
fn programs() -> Option<PathBuf> {
    let version = |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    let complete = |bin: &PathBuf| bin.join("initdb").is_file() && bin.join("postgres").is_file();
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let newest = debian.filter(complete).max_by_key(version);
    newest.or_else(|| env::split_paths(&env::var_os("PATH")?).find(complete))
}

/// User and group id of an account of this machine.
fn account(name: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.into_iter().find(|fields| fields[0] == name)?;
    Some((found.get(2)?.parse().ok()?, found.get(3)?.parse().ok()?))
}

/// Invariant: one cluster a run, private to it and gone after it, however it ends; one database a test, never another's.
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::{Duration, Instant};

    use super::*;

    /// Set in the process that [`a_killed_test_process_leaves_nothing_behind`] kills.
    const VICTIM: &str = "PALISADE_TEST_VICTIM";

    async fn sql(url: &str, statement: &'static str) {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }

    async fn text(url: &str, query: &'static str) -> String {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
    }

    #[tokio::test]
    async fn a_test_has_a_database_of_its_own() {
        let (one, other) = (cluster().await.create_database(None).await, cluster().await.create_database(None).await);
        sql(&one.url(SUPERUSER), "CREATE TABLE kept (id int)").await;
        let seen = "SELECT coalesce(to_regclass('kept')::text, 'nothing')";
        assert_eq!(text(&one.url(SUPERUSER), seen).await, "kept");
        assert_eq!(text(&other.url(SUPERUSER), seen).await, "nothing");
    }

    #[tokio::test]
    async fn a_url_signs_in_as_the_role_it_was_made_for() {
        let database = cluster().await.create_database(None).await;
        let role = format!("role_of_{}", database.name());
        let statement = format!("CREATE ROLE {role} LOGIN");
        run(&mut PgConnection::connect(&database.url(SUPERUSER)).await.unwrap(), statement).await;
        assert_eq!(text(&database.url(&role), "SELECT current_user::text").await, role);
        assert_eq!(text(&database.url(&role), "SELECT current_database()::text").await, database.name());
    }

    #[tokio::test]
    async fn a_template_is_built_once_however_many_ask_for_it() {
        let key = format!("once_{}", std::process::id());
        let built = AtomicUsize::new(0);
        let ask = || async {
            let cluster = cluster().await;
            let build = async |url: String| {
                built.fetch_add(1, SeqCst);
                sql(&url, "CREATE TABLE seeded AS SELECT 'from the template' AS word").await;
                Ok::<_, sqlx::Error>(())
            };
            let template = cluster.template(&key, build).await;
            let database = cluster.create_database(Some(&template)).await;
            text(&database.url(SUPERUSER), "SELECT word FROM seeded").await
        };
        let words = futures_util::future::join_all([ask(), ask(), ask(), ask()]).await;
        assert_eq!(words, ["from the template"; 4]);
        assert_eq!(built.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn a_template_can_be_copied_while_its_builder_is_still_connected() {
        let key = format!("held_{}", std::process::id());
        let mut held = None;
        let build = async |url: String| {
            held = Some(PgConnection::connect(&url).await?);
            Ok::<_, sqlx::Error>(())
        };
        let template = cluster().await.template(&key, build).await;
        cluster().await.create_database(Some(&template)).await;
        assert!(held.unwrap().ping().await.is_err());
    }

    #[tokio::test]
    async fn a_template_whose_builder_died_half_way_is_built_again() {
        let key = format!("again_{}", std::process::id());
        let cluster = cluster().await;
        let half = tokio::spawn({
            let key = key.clone();
            async move {
                let build = async |url: String| {
                    sql(&url, "CREATE TABLE half ()").await;
                    panic!("on purpose: a builder dies");
                    #[expect(unreachable_code, reason = "names the type")]
                    Ok::<_, sqlx::Error>(())
                };
                cluster.template(&key, build).await
            }
        });
        assert!(half.await.unwrap_err().is_panic());
        let build = async |url: String| {
            sql(&url, "CREATE TABLE whole ()").await;
            Ok::<_, sqlx::Error>(())
        };
        let database = cluster.create_database(Some(&cluster.template(&key, build).await)).await;
        let tables = "SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(text(&database.url(SUPERUSER), tables).await, "whole");
    }

    #[tokio::test]
    async fn a_dropped_database_is_gone_even_with_a_connection_open() {
        let database = cluster().await.create_database(None).await;
        let name = database.name().to_owned();
        let mut open = PgConnection::connect(&database.url(SUPERUSER)).await.unwrap();
        drop(database);
        assert!(open.ping().await.is_err());
        assert!(!exists(&mut cluster().await.connect().await, &name).await);
    }

    #[tokio::test]
    async fn text_does_not_sort_by_bytes_unless_a_query_says_so() {
        let database = cluster().await.create_database(None).await;
        let order = r#"SELECT ('a' < 'B')::text || ' ' || ('a' < 'B' COLLATE "C")::text"#;
        assert_eq!(text(&database.url(SUPERUSER), order).await, "true false");
    }

    #[tokio::test]
    async fn the_cluster_is_reached_through_its_own_folder_and_nowhere_else() {
        let database = cluster().await.create_database(None).await;
        let ports = "SELECT '<' || current_setting('listen_addresses') || '>'";
        assert_eq!(text(&database.url(SUPERUSER), ports).await, "<>");
        let folder =
            "SELECT (current_setting('data_directory') = current_setting('unix_socket_directories') || '/data')::text";
        assert_eq!(text(&database.url(SUPERUSER), folder).await, "true");
    }

    /// A static is never dropped, so nothing in this process can be what cleans up: the process is killed to see.
    #[tokio::test]
    async fn a_killed_test_process_leaves_nothing_behind() {
        if env::var_os(VICTIM).is_some() {
            let folder = cluster().await.superuser.get_socket().unwrap();
            println!("cluster in {}", folder.display());
            return thread::sleep(Duration::from_mins(1));
        }
        let name = concat!(module_path!(), "::a_killed_test_process_leaves_nothing_behind");
        let mut victim = Command::new(env::current_exe().unwrap())
            .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
            .env(VICTIM, "1")
            .env_remove("NEXTEST_RUN_ID")
            .env_remove("PALISADE_TEST_PG")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(victim.stdout.take().unwrap()));
        let folder = lines.map(Result::unwrap).find_map(|line| Some(PathBuf::from(line.split_once("cluster in ")?.1)));
        let folder = folder.expect("the victim says where its cluster is");
        let lock = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        let server = PathBuf::from("/proc").join(lock.lines().next().unwrap());
        assert!(folder.exists() && server.exists());

        victim.kill().unwrap();
        victim.wait().unwrap();
        let killed = Instant::now();
        while folder.exists() || server.exists() {
            assert!(killed.elapsed() < Duration::from_secs(20), "still there: {}", folder.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
