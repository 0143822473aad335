//! What the generator reaches: every field, argument, input field and enum value of the schema, or a reason why not.

use super::{
    campaign,
    coverage::{Coverage, everything},
    schema::Schema,
};

/// What is not exercised by any viewer, and why.
const EXCLUDED: &[(&str, &str)] = &[
    ("UserIdentity.id", NO_ISSUER),
    ("UserIdentity.issuer", NO_ISSUER),
    ("UserIdentity.subject", NO_ISSUER),
    ("UserIdentity.createdAt", NO_ISSUER),
    ("ExecutionPayload.execution", NO_CLAIM),
    ("RecordUsagePayload.recorded", NO_REPORT),
    ("RecordUsagePayload.duplicates", NO_REPORT),
];

const NO_ISSUER: &str = "the demo has no external issuer, so that no account has linked a subject";

const NO_CLAIM: &str = "a run is recorded by who guesses a task, its worker and its attempt at once: chance does not";
const NO_REPORT: &str = "a report names an agent, a goal and a task that belong together: chance does not";

const ROLES: [&str; 8] = [
    "Operator",
    "Acme admin",
    "Acme team admin",
    "Acme member",
    "Acme outsider",
    "Acme agent admin",
    "Acme planner",
    "Acme worker",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operations_reach_every_field_argument_and_enum_value() {
    let schema = Schema::read(&palisade::graphql::schema().sdl());
    let all = everything(&schema);
    let excused = |what: &str| EXCLUDED.iter().any(|(name, _)| *name == what);
    let mut coverage = Coverage::default();
    let (mut operations, mut data) = (0, 0);
    // As many rounds as it takes, and not more than a run of the viewers' own tests has.
    for round in 0..5 {
        for role in ROLES {
            let mut campaign = campaign("sqlite", role, 800).await;
            campaign.seed += round;
            let report = Box::pin(campaign.run()).await;
            println!("{}", report.line());
            assert!(report.finding.is_none(), "{}", report.finding.unwrap().tell(role, campaign.seed));
            operations += report.operations;
            data += report.data;
            coverage.merge(&report.coverage);
        }
        let left = all.iter().filter(|what| coverage.of(what) == 0 && !excused(what)).collect::<Vec<_>>();
        println!("round {round}: {} of {} left: {left:?}", left.len(), all.len());
        if left.is_empty() {
            break;
        }
    }
    let missed: Vec<&String> = all.iter().filter(|what| coverage.of(what) == 0).collect();
    println!("{} of {} reached in {operations} operations, {data} with data", all.len() - missed.len(), all.len());
    let unexcused: Vec<_> = missed.iter().filter(|what| !excused(what)).collect();
    assert!(unexcused.is_empty(), "never exercised: {unexcused:?}");
    for (name, why) in EXCLUDED {
        assert!(all.iter().any(|what| what == name), "{name} is excluded ({why}) and is not in the schema");
    }
}
