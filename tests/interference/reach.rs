//! What the generator reaches: every field, argument, input field and enum value of the schema, or a reason why not.

use super::{
    campaign,
    campaign::settings,
    coverage::{Coverage, everything},
    schema::Schema,
};

/// What is not exercised by any viewer, and why.
const EXCLUDED: &[(&str, &str)] = &[];

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
    let mut coverage = Coverage::default();
    let (mut operations, mut data) = (0, 0);
    for role in ROLES {
        let report = Box::pin(campaign("sqlite", role, 1_000).await.run()).await;
        println!("{}", report.line());
        assert!(report.finding.is_none(), "{}", report.finding.unwrap().tell(role, settings().1));
        operations += report.operations;
        data += report.data;
        coverage.merge(&report.coverage);
    }
    let schema = Schema::read(&palisade::graphql::schema().sdl());
    let all = everything(&schema);
    let missed: Vec<&String> = all.iter().filter(|what| coverage.of(what) == 0).collect();
    println!("{} of {} reached in {operations} operations, {data} with data", all.len() - missed.len(), all.len());
    for what in &missed {
        println!("not reached: {what}");
    }
    let unexcused: Vec<_> = missed.iter().filter(|what| !EXCLUDED.iter().any(|(name, _)| name == **what)).collect();
    assert!(unexcused.is_empty(), "never exercised: {unexcused:?}");
    for (name, why) in EXCLUDED {
        assert!(all.iter().any(|what| what == name), "{name} is excluded ({why}) and is not in the schema");
    }
}
