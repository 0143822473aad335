//! Asks for a fixed time and says what that cost.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

/// Linux counts the CPU time of a process in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The processes whose CPU is counted beside this one: a PostgreSQL server's.
#[derive(Clone, Debug, Default)]
pub struct Server {
    postmaster: Option<u32>,
}

impl Server {
    /// The server of which `backend` is a process.
    pub fn of_backend(backend: i32) -> Self {
        let stat = stat(&backend.to_string()).unwrap();
        Self { postmaster: Some(stat.parent) }
    }

    /// CPU of all its processes, ended ones included.
    pub fn cpu(&self) -> Duration {
        let Some(postmaster) = self.postmaster else { return Duration::ZERO };
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
        let stats = names.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).filter_map(|name| stat(&name));
        let server = stats.filter(|stat| stat.process == postmaster || stat.parent == postmaster);
        server.map(|stat| stat.own + stat.ended_children).sum()
    }
}

/// CPU of this process.
pub fn own_cpu() -> Duration {
    stat("self").unwrap().own
}

struct Stat {
    process: u32,
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

fn stat(process: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, a name in parentheses, may hold anything.
    let fields: Vec<u32> = text.rsplit_once(") ")?.1.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    let process = text.split(' ').next()?.parse().ok()?;
    let ticks = |first: usize| Some(TICK * (fields.get(first)? + fields.get(first + 1)?));
    Some(Stat { process, parent: *fields.get(1)?, own: ticks(11)?, ended_children: ticks(13)? })
}

/// What a number of requests cost.
#[derive(Clone, Debug)]
pub struct Cost {
    pub per_second: f64,
    pub median: Duration,
    pub p99: Duration,
    /// CPU of this process for one request, the asking included.
    pub cpu: Duration,
    /// CPU of the database server for one request.
    pub server_cpu: Duration,
}

/// Asks with `concurrency` askers, each again as soon as it is answered: a third of the time to warm up, then for the
/// whole of it. `ask` gets a number that differs from request to request.
pub async fn measure<F>(time: Duration, concurrency: usize, server: &Server, ask: F) -> Cost
where
    F: AsyncAsk,
{
    let ask = Arc::new(ask);
    run(time / 3, concurrency, &ask).await;
    let (own, others, start) = (own_cpu(), server.cpu(), Instant::now());
    let mut times = run(time, concurrency, &ask).await;
    let (elapsed, own, others) = (start.elapsed(), own_cpu() - own, server.cpu() - others);
    times.sort_unstable();
    let count = u32::try_from(times.len()).unwrap();
    Cost {
        per_second: f64::from(count) / elapsed.as_secs_f64(),
        median: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        cpu: own / count,
        server_cpu: others / count,
    }
}

/// One request.
pub trait AsyncAsk: Send + Sync + 'static {
    fn ask(&self, number: usize) -> impl Future<Output = ()> + Send;
}

async fn run<F: AsyncAsk>(time: Duration, concurrency: usize, ask: &Arc<F>) -> Vec<Duration> {
    let end = Instant::now() + time;
    let askers = (0..concurrency).map(|asker| {
        let ask = Arc::clone(ask);
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                // Askers start apart, and a prime's steps reach every place of a list.
                ask.ask(asker * 131 + times.len() * 7).await;
                times.push(start.elapsed());
            }
            times
        })
    });
    let mut all = Vec::new();
    for asker in askers.collect::<Vec<_>>() {
        all.extend(asker.await.unwrap());
    }
    all
}
