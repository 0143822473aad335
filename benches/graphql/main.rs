//! `make bench`: what an operation costs, through the real router, on both databases.
//!
//! It loads 100,000 tasks and prints, for a point read, a keyset list of 20 and a tree of agents 20 × goals 5 × tasks 5,
//! requests per second, latency, CPU per request here and in PostgreSQL's processes, and statements; for comparison the
//! same rows by hand-written SQL; then the program's start and memory. `docs/benchmarks.md` says how to read it. Nothing
//! is asserted about time: a busy machine fails no build.
//!
//! ```text
//! cargo bench --bench graphql -- --seconds 1 --tasks 10000
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark answers on stdout, stops at what it did not expect, and looks behind the walls to compare"
)]

mod baseline;
mod load;
#[path = "../../tests/support/postgres.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod postgres;
mod startup;
mod world;

use std::{sync::Arc, time::Duration};

use clap::Parser as _;
use entity::ids::{AgentId, TaskId, TypedId};
use palisade::clock::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use baseline::{Baseline, Pool, Read};
use load::{AsyncAsk, Cost, Server};
use world::{Ask, Caller, Kind, World};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be asked of the benchmark.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Seconds that each line is measured for.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Tasks in all, half of them in each organisation.
    #[arg(long, default_value_t = 100_000)]
    tasks: usize,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

const ROLES: [(&str, &str); 2] = [("admin", "Acme admin"), ("member", "Acme member")];
const CONCURRENCY: [usize; 2] = [1, 8];

const TASK: &str = "query Task($id: ID!) { task(id: $id) { id type status priority createdAt updatedAt } }";
const LIST: &str = "query List($after: String) { tasks(first: 20, after: $after) { \
     nodes { id type status priority createdAt updatedAt } pageInfo { hasNextPage endCursor } } }";
const TREE: &str = "query Tree { agents(first: 20) { nodes { id name goals(first: 5) { nodes { id status \
     tasks(first: 5) { nodes { id type status } } } } } } }";
/// Pages of the list that are asked for in turn: 20,000 tasks deep.
const PAGES: usize = 200;
const WALK: &str = "query Walk($after: String) { tasks(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";

/// The three operations as one caller sends them, and what they read.
struct Operations {
    tasks: Vec<Uuid>,
    last_of_pages: Vec<Uuid>,
    agents: Vec<Uuid>,
    /// Tasks in the answer to the tree.
    leaves: usize,
    asks: [(&'static str, Vec<Ask>); 3],
}

fn uuid<I: TypedId>(id: &Value) -> Uuid {
    id.as_str().unwrap().parse::<I>().ok().unwrap().uuid()
}

/// Walks the list for tasks and cursors from all over it.
async fn operations(caller: &Caller) -> Operations {
    let (mut tasks, mut last_of_pages, mut cursors) = (Vec::new(), Vec::new(), vec![Value::Null]);
    while cursors.len() <= PAGES {
        let page = caller.ask(WALK, json!({ "after": cursors.last() })).await;
        let nodes = page["tasks"]["nodes"].as_array().unwrap();
        tasks.extend(nodes.iter().map(|node| uuid::<TaskId>(&node["id"])));
        // After the list's last row there is no page to ask for.
        if page["tasks"]["pageInfo"]["hasNextPage"] != true {
            break;
        }
        let cursor = &page["tasks"]["pageInfo"]["endCursor"];
        last_of_pages.extend(tasks.last());
        cursors.push(cursor.clone());
    }
    let tree = caller.ask(TREE, json!({})).await;
    let agents = tree["agents"]["nodes"].as_array().unwrap();
    let leaves = agents.iter().flat_map(|agent| agent["goals"]["nodes"].as_array().unwrap());
    let leaves = leaves.map(|goal| goal["tasks"]["nodes"].as_array().unwrap().len()).sum();
    let agents = agents.iter().map(|agent| uuid::<AgentId>(&agent["id"])).collect();
    let task = |id: &Uuid| Ask::new(TASK, json!({ "id": TaskId::from_uuid(*id).to_string() }));
    let asks = [
        ("task by id", tasks.iter().map(task).collect()),
        ("list of 20", cursors[1..].iter().map(|cursor| Ask::new(LIST, json!({ "after": cursor }))).collect()),
        ("tree 20x5x5", vec![Ask::new(TREE, json!({}))]),
    ];
    Operations { tasks, last_of_pages, agents, leaves, asks }
}

struct Asking {
    caller: Caller,
    asks: Vec<Ask>,
}

impl AsyncAsk for Asking {
    async fn ask(&self, number: usize) {
        self.caller.send(&self.asks[number % self.asks.len()]).await;
    }
}

fn line(kind: Kind, operation: &str, role: &str, concurrency: usize, cost: &Cost, statements: &str) {
    let micros = |time: Duration| time.as_nanos() / 1_000;
    let server = if kind == Kind::Postgres { micros(cost.server_cpu).to_string() } else { "-".to_owned() };
    println!(
        "{:<11} {operation:<12} {role:<8} {concurrency:>4} {:>10.0} {:>9.2} {:>9.2} {:>10} {server:>10} {statements:>10}",
        kind.name(),
        cost.per_second,
        cost.median.as_secs_f64() * 1e3,
        cost.p99.as_secs_f64() * 1e3,
        micros(cost.cpu),
    );
}

async fn database(kind: Kind, world: &World, time: Duration) {
    let pool = Pool::of(world).await;
    let server = pool.server().await;
    for (role, login) in ROLES {
        let caller = world.login(login).await;
        let operations = operations(&caller).await;
        for (name, asks) in &operations.asks {
            let statements = world.statements(&caller, &asks[0]).await;
            for concurrency in CONCURRENCY {
                let asking = Asking { caller: caller.clone(), asks: asks.clone() };
                let cost = load::measure(time, concurrency, &server, asking).await;
                line(kind, name, role, concurrency, &cost, &format!("1 + {statements}"));
            }
        }
        if role == ROLES[0].0 {
            by_hand(kind, world, &pool, &server, &operations, time).await;
        }
    }
    pool.close().await;
}

/// The baseline: what the admin's operations read.
async fn by_hand(kind: Kind, world: &World, pool: &Pool, server: &Server, operations: &Operations, time: Duration) {
    let reads = [
        Read::Task(operations.tasks.clone()),
        Read::List(operations.last_of_pages.clone()),
        Read::Tree(operations.agents.clone()),
    ];
    for (read, (name, _)) in reads.into_iter().zip(&operations.asks) {
        let baseline = Baseline { pool: pool.clone(), organization: world.organization().uuid(), read: Arc::new(read) };
        if let Read::Tree(agents) = &*baseline.read {
            let (agents, leaves, rows) = (agents.len(), operations.leaves, baseline.rows(0).await);
            println!(
                "            (the tree has {agents} agents and {leaves} tasks; by hand {rows} rows, one more a list)"
            );
        }
        for concurrency in CONCURRENCY {
            let cost = load::measure(time, concurrency, server, baseline.clone()).await;
            line(kind, name, "by hand", concurrency, &cost, "1");
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    // The log line of a request is part of its cost; where it is written to is not.
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_writer(std::io::sink).init();

    let startup = startup::measure();
    println!(
        "\nstart       {} ms until it listens; resident {:.1} MiB idle, {:.1} MiB after an introspection\n",
        startup.time.as_millis(),
        mib(startup.idle),
        mib(startup.introspected),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let plan = world::plan(&Clock::system(), arguments.tasks / 2);
        println!("{} tasks in {} organisations\n", plan.tasks.len(), plan.organizations.len());
        println!(
            "{:<11} {:<12} {:<8} {:>4} {:>10} {:>9} {:>9} {:>10} {:>10} {:>10}",
            "database",
            "operation",
            "as",
            "conc",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            "db CPU µs",
            "statements"
        );
        for kind in [Kind::Sqlite, Kind::Postgres] {
            let world = World::new(kind, Arc::clone(&plan)).await;
            database(kind, &world, Duration::from_secs(arguments.seconds)).await;
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
