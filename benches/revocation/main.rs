//! How soon an open stream is told of an event, and how soon it ends when its viewer's right does.
//!
//! Many WebSockets with five subscriptions each, every socket another session of one of twelve people, on a server of its own
//! in this process. `docs/benchmarks.md` says how to read the table. Nothing is asserted about time.
//!
//! ```text
//! cargo bench --bench revocation -- --streams 1000
//! ```
// Optimised, the types of a turn are laid out through every resolver below it.
#![recursion_limit = "256"]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark answers on stdout, stops at what it did not expect, and reads the real clock"
)]

#[path = "../graphql/load.rs"]
#[expect(dead_code, reason = "the other benchmark uses more of it")]
mod load;
#[path = "../../tests/support/postgres.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod postgres;
mod sockets;
mod world;

use std::time::{Duration, Instant};

use clap::Parser as _;
use serde_json::json;

use load::own_cpu;
use sockets::Socket;
use world::{Kind, World};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be asked of the benchmark.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Open subscriptions.
    #[arg(long, default_value_t = 200)]
    streams: usize,
    /// Events that are measured, one after the other, and again as many without a pause.
    #[arg(long, default_value_t = 30)]
    events: usize,
    /// Sessions that are ended while nothing happens, and again as many while events flow.
    #[arg(long, default_value_t = 15)]
    revocations: usize,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

const PER_SOCKET: usize = 5;

fn line(kind: Kind, what: &str, mut times: Vec<Duration>, more: &str) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    let (median, p99, max) = (at(50), at(99), at(100));
    println!("{:<11} {what:<34} {:>7} {median:>9.1} {p99:>9.1} {max:>9.1}  {more}", kind.name(), times.len());
}

/// Events one after the other: each is sent when the one before has come everywhere. Then all of them as fast as they are
/// written.
async fn events(kind: Kind, world: &World, sockets: &[Socket], count: usize) {
    let server = world.server().await;
    for (what, alone) in [("event to each stream, one by one", true), ("event to each stream, in a burst", false)] {
        let had = sockets[0].received();
        let (own, others, began) = (own_cpu(), server.cpu(), Instant::now());
        let mut sent = Vec::new();
        for number in 1..=count {
            sent.push(Instant::now());
            world.touch().await;
            if alone {
                sockets::until(sockets, |socket| socket.received() >= had + number).await;
            }
        }
        sockets::until(sockets, |socket| socket.received() >= had + count).await;
        let elapsed = began.elapsed();
        let per_event = |cpu: Duration| cpu.as_secs_f64() * 1e3 / f64::from(u32::try_from(count).unwrap());
        let (own, others) = (per_event(own_cpu() - own), per_event(server.cpu() - others));
        let times = sockets.iter().flat_map(|socket| socket.times());
        let times = times.flat_map(|times| {
            times[had..had + count].iter().zip(&sent).map(|(came, sent)| came.duration_since(*sent)).collect::<Vec<_>>()
        });
        let more = format!("{own:.0} ms CPU, {others:.0} ms db CPU an event; {:.1} s in all", elapsed.as_secs_f64());
        line(kind, what, times.collect(), &more);
    }
}

/// From asking for the end of a session to the close of its socket.
async fn revocations(kind: Kind, what: &str, sockets: Vec<Socket>) {
    let mut times = Vec::new();
    for socket in sockets {
        let began = Instant::now();
        socket.sign_out().await;
        times.push(socket.closed().await.duration_since(began));
    }
    line(kind, what, times, "");
}

async fn measure(kind: Kind, arguments: &Arguments) {
    let world = World::new(kind).await;
    let mut sockets = Vec::new();
    for number in 0..arguments.streams.div_ceil(PER_SOCKET) {
        sockets.push(Socket::open(&world, number, PER_SOCKET).await);
    }
    while sockets.iter().any(|socket| socket.received() == 0) {
        world.touch().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Until all have been told of the same.
    world.settle(&sockets).await;
    events(kind, &world, &sockets, arguments.events).await;
    let idle = sockets.split_off(sockets.len() - arguments.revocations.min(sockets.len() / 3));
    revocations(kind, "end of a session to its close, idle", idle).await;
    let busy = sockets.split_off(sockets.len() - arguments.revocations.min(sockets.len() / 2));
    let flow = async {
        loop {
            world.touch().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = flow => {}
        () = revocations(kind, "end of a session to its close, busy", busy) => {}
    }
    drop(sockets);
    world.until_left().await;
    let (turns, sent) = world.statements();
    println!("            {turns} statements of the turns of {sent} results, and one for the viewer of each turn\n");
}

fn main() {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_writer(world::lines).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!(
            "\n{} streams, {PER_SOCKET} on a socket; {}\n",
            arguments.streams,
            json!({ "events": arguments.events })
        );
        println!(
            "{:<11} {:<34} {:>7} {:>9} {:>9} {:>9}",
            "database", "from … to", "times", "p50 ms", "p99 ms", "max ms"
        );
        for kind in [Kind::Sqlite, Kind::Postgres] {
            measure(kind, &arguments).await;
        }
    });
}
