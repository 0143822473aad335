//! Thousands of operations against two worlds, until their answers part.

use std::{collections::VecDeque, fmt::Write as _, sync::Arc, time::Instant};

use entity::ids::OrgId;
use palisade::http::graphql::engine::Call;

use super::{
    answers,
    coverage::Coverage,
    document::Operation,
    follow::{self, Following},
    generate::Generator,
    pools::Pools,
    schema::Schema,
    shrink,
    twins::{Dress, Twins, difference},
};
use crate::support::template::Template;

/// What is run.
pub struct Campaign {
    pub templates: Arc<[Template; 2]>,
    pub role: &'static str,
    /// The organisation whose rows differ; none where content does.
    pub other: Option<OrgId>,
    pub operations: usize,
    pub seed: u64,
    pub dress: Option<Dress>,
}

/// What was done in the worlds, and can be done again in new ones.
#[derive(Clone)]
pub enum Step {
    /// A mutation of the viewer's.
    Asked(Arc<Operation>),
    /// What others did while a stream was followed.
    Followed(Arc<Following>),
}

/// An operation that tells the worlds apart.
pub struct Finding {
    /// After how many operations.
    pub at: usize,
    pub operation: Operation,
    pub difference: String,
    /// What must go before it.
    pub before: Vec<Step>,
    /// How large it was when it was found.
    pub was: usize,
}

/// What came of it.
pub struct Report {
    pub role: &'static str,
    pub operations: usize,
    pub data: usize,
    pub mutations: usize,
    pub mutated: usize,
    pub streams: usize,
    pub events: usize,
    pub fresh: usize,
    pub ways: (usize, usize),
    pub seconds: f64,
    pub coverage: Coverage,
    pub tried: Vec<(String, (usize, usize))>,
    pub finding: Option<Finding>,
}

/// New worlds come after so many operations, or when mutations have left little to see.
const EVERY: usize = 400;
/// How often a subscription is followed.
const FOLLOW_EVERY: usize = 60;
/// Attempts at making a failing operation smaller.
const ATTEMPTS: usize = 400;

/// How many operations for each viewer, and from which seed. PostgreSQL is asked less often, and other things: what tells
/// worlds apart is mostly the code above the database, and half of a run's time would go into round trips.
pub fn settings(kind: &str) -> (usize, u64) {
    let (usual, seed) = if kind == "sqlite" { (5_000, 0x00c0_ffee) } else { (1_500, 0x0dec_af00) };
    let read =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name}")));
    let operations = read("PALISADE_INTERFERENCE_OPERATIONS").unwrap_or(usual);
    (usize::try_from(operations).unwrap(), read("PALISADE_INTERFERENCE_SEED").unwrap_or(seed))
}

impl Campaign {
    async fn generator(&self, twins: &Twins) -> Generator {
        let [first, second] = &twins.worlds;
        let pools = Pools::of(&[&first.plan, &second.plan], self.other);
        let schema = Arc::new(Schema::read(&palisade::graphql::schema().sdl()));
        let of_role = self.role.bytes().fold(self.seed, |seed, byte| seed.rotate_left(7) ^ u64::from(byte));
        let mut generator = Generator::new(schema, of_role, pools);
        generator.email =
            first.plan.logins.iter().find(|login| login.role == self.role).map(|login| login.email.clone());
        generator
    }

    pub async fn run(&self) -> Report {
        let began = Instant::now();
        let mut twins = Box::pin(Twins::new(Arc::clone(&self.templates), self.role, self.dress.clone())).await;
        let mut generator = self.generator(&twins).await;
        let mut report = Report {
            role: self.role,
            operations: 0,
            data: 0,
            mutations: 0,
            mutated: 0,
            streams: 0,
            events: 0,
            fresh: 0,
            ways: (0, 0),
            seconds: 0.0,
            coverage: Coverage::default(),
            tried: Vec::new(),
            finding: None,
        };
        let mut before: Vec<Step> = Vec::new();
        let (mut age, mut lately) = (0, VecDeque::new());
        while report.operations < self.operations {
            let worn = lately.len() == 40 && lately.iter().filter(|some| **some).count() < 14;
            if age >= EVERY || worn {
                twins = twins.fresh().await;
                generator.forget();
                before.clear();
                lately.clear();
                (age, report.fresh) = (0, report.fresh + 1);
            }
            report.operations += 1;
            age += 1;
            if report.operations.is_multiple_of(FOLLOW_EVERY) {
                report.streams += 1;
                let following = follow::make(&mut generator, &twins, report.streams, self.other.is_none()).await;
                let heard = Box::pin(follow::follow(&twins, &following)).await;
                let live = heard[0].headers.iter().any(|(_, value)| value.starts_with("text/event-stream"));
                if live {
                    following.operation.roots().for_each(|field| answers::ran(&mut generator, field));
                }
                report.events += heard[0].body.matches("event: next").count();
                if let Some(first) = heard[0].body.lines().find_map(|line| line.strip_prefix("data: ")) {
                    report.data +=
                        usize::from(answers::learn(&mut generator, &Arc::new(following.operation.clone()), first));
                }
                if let Some(difference) = difference(&heard) {
                    let found = (following, difference);
                    report.finding = Some(self.smallest_stream(&twins, found, before, report.operations).await);
                    break;
                }
                // Where it was refused nothing happened, but for the chat that was opened to follow.
                let happening = if live { following.happening.clone() } else { follow::Happening::Nothing };
                before.push(Step::Followed(Arc::new(Following { happening, ..following })));
                continue;
            }
            let operation = Arc::new(within_limits(&mut generator, &twins));
            let heard = twins.ask(&operation.print()).await;
            if let Some(difference) = difference(&heard) {
                report.finding = Some(self.smallest(&twins, operation, difference, before, report.operations).await);
                break;
            }
            let some = answers::learn(&mut generator, &operation, &heard[0].body);
            report.data += usize::from(some);
            if operation.kind == "mutation" {
                report.mutations += 1;
                report.mutated += usize::from(some);
                before.push(Step::Asked(Arc::clone(&operation)));
            } else {
                lately.push_back(some);
                if lately.len() > 40 {
                    lately.pop_front();
                }
            }
            if heard[0].status == 401 && !twins.sign_in().await {
                age = EVERY;
            }
        }
        report.seconds = began.elapsed().as_secs_f64();
        report.ways = (generator.walked, generator.all_ways);
        report.tried = generator.tried.into_iter().collect();
        report.tried.sort();
        report.coverage = generator.coverage;
        report
    }

    /// The smallest operation, after the fewest mutations, that still tells them apart.
    async fn smallest(
        &self,
        twins: &Twins,
        found: Arc<Operation>,
        difference: String,
        before: Vec<Step>,
        at: usize,
    ) -> Finding {
        let was = found.size();
        let (mut operation, mut difference) = (Operation::clone(&found), difference);
        let mut before = self.fewest(twins, &operation, before).await;
        let mut ready = self.after(twins, &before).await;
        let mut attempts = 0;
        'smaller: loop {
            for candidate in shrink::smaller(&operation) {
                attempts += 1;
                if attempts > ATTEMPTS {
                    break 'smaller;
                }
                if operation.kind == "mutation" {
                    ready = self.after(twins, &before).await;
                }
                if let Some(still) = super::twins::difference(&ready.ask(&candidate.print()).await) {
                    (operation, difference) = (candidate, still);
                    continue 'smaller;
                }
            }
            break;
        }
        if operation.kind == "mutation" && before.len() > 1 {
            before = self.fewest(twins, &operation, before).await;
        }
        Finding { at, operation, difference, before, was }
    }

    /// New worlds in which all of it was done.
    async fn after(&self, twins: &Twins, before: &[Step]) -> Twins {
        let mut ready = twins.fresh().await;
        for step in before {
            match step {
                Step::Asked(operation) => {
                    let heard = ready.ask(&operation.print()).await;
                    if heard[0].status == 401 {
                        ready.sign_in().await;
                    }
                }
                Step::Followed(following) => Box::pin(follow::again(&ready, following)).await,
            }
        }
        ready
    }

    /// The fewest of the steps after which the operation tells the worlds apart.
    async fn fewest(&self, twins: &Twins, operation: &Operation, before: Vec<Step>) -> Vec<Step> {
        let printed = operation.print();
        let fails = async |before: &[Step]| {
            super::twins::difference(&self.after(twins, before).await.ask(&printed).await).is_some()
        };
        if fails(&[]).await {
            return Vec::new();
        }
        let (mut before, mut part) = (before, 2);
        let mut attempts = 0;
        while before.len() > 1 && attempts < 30 {
            let size = before.len().div_ceil(part);
            let mut fewer = None;
            for start in (0..before.len()).step_by(size) {
                let mut rest = before.clone();
                rest.drain(start..(start + size).min(before.len()));
                attempts += 1;
                if fails(&rest).await {
                    fewer = Some(rest);
                    break;
                }
            }
            match fewer {
                Some(rest) => before = rest,
                None if size == 1 => break,
                None => part *= 2,
            }
        }
        before
    }

    /// The smallest subscription, after all that was done before it, that still tells them apart.
    async fn smallest_stream(
        &self,
        twins: &Twins,
        (mut following, mut difference): (Following, String),
        before: Vec<Step>,
        at: usize,
    ) -> Finding {
        let (was, mut attempts) = (following.operation.size(), 0);
        'smaller: loop {
            for operation in shrink::smaller(&following.operation) {
                attempts += 1;
                if attempts > 40 {
                    break 'smaller;
                }
                let candidate = Following { operation, ..following.clone() };
                let ready = self.after(twins, &before).await;
                Box::pin(follow::prepare(&ready, &candidate)).await;
                if let Some(still) = super::twins::difference(&follow::follow(&ready, &candidate).await) {
                    (following, difference) = (candidate, still);
                    continue 'smaller;
                }
            }
            break;
        }
        Finding { at, operation: following.operation, difference, before, was }
    }
}

/// An operation that may run. Now and then one that is too large, whose refusal is compared as well.
pub fn within_limits(generator: &mut Generator, twins: &Twins) -> Operation {
    for _ in 0..6 {
        let operation = generator.operation();
        let printed = operation.print();
        let variables = async_graphql::Variables::from_json(printed.variables);
        let call = Call { query: printed.document, variables, ..Call::default() };
        let fits = match twins.worlds[0].engine.document(&call) {
            Ok(_) => true,
            Err(refusal) => refusal.code != "QUERY_TOO_COMPLEX",
        };
        if fits || generator.dice.percent(3) {
            return operation;
        }
    }
    generator.rooted("query", "Query")
}

impl Report {
    /// One line of figures.
    pub fn line(&self) -> String {
        let Self { role, operations, data, mutations, mutated, streams, events, fresh, ways, seconds, .. } = self;
        format!(
            "{role}: {operations} operations, {data} with data ({} %); {mutated} of {mutations} mutations answered; \
             {streams} streams with {events} events; {} of {} ways; new worlds {fresh} times; {seconds:.0} s, {:.0} \
             requests/s",
            data * 100 / (*operations).max(1),
            ways.0,
            ways.1,
            2.0 * f64::from(u32::try_from(*operations).unwrap()) / seconds,
        )
    }
}

impl Finding {
    /// For whoever must find the leak.
    pub fn tell(&self, role: &str, seed: u64) -> String {
        let printed = self.operation.print();
        let mut said = format!(
            "{role} can tell the worlds apart (operation {}, seed {seed}; {} fields, found with {}):\n{}\nvariables {}\n{}",
            self.at,
            self.operation.size(),
            self.was,
            printed.document,
            printed.variables,
            self.difference
        );
        for step in &self.before {
            let (how, operation) = match step {
                Step::Asked(operation) => ("", Arc::clone(operation)),
                Step::Followed(following) => ("what happens beside ", Arc::new(following.operation.clone())),
            };
            let printed = operation.print();
            write!(said, "\nafter {how}{} {}", printed.document, printed.variables).unwrap();
        }
        said
    }
}
