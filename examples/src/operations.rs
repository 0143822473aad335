//! The operations in `operations/*.graphql`, as types.
//!
//! `graphql_client` makes them from `schema.graphql` at compile time: a field that the schema does not have, or a variable of
//! another type, does not compile. `Operation` is the type to send, the module `operation` holds its variables and its answer.

#![expect(missing_docs, reason = "the schema describes them")]

use graphql_client::GraphQLQuery;

// The scalars of the schema.
/// RFC 3339.
pub type DateTime = String;
/// An exact amount: `"0.0001"`.
pub type Decimal = String;
/// A whole number of up to 64 bits: `"1200"`.
pub type BigInt = String;
/// `goal_…`, `task_…`.
pub type Id = String;
/// Any JSON.
pub type Json = serde_json::Value;

macro_rules! operations {
    ($file:tt: $($name:ident),+ $(,)?) => {$(
        #[derive(Clone, Copy, Debug, GraphQLQuery)]
        #[graphql(
            schema_path = "../schema.graphql",
            query_path = $file,
            response_derives = "Clone,Debug,PartialEq",
            variables_derives = "Clone,Debug",
            normalization = "rust"
        )]
        pub struct $name;
    )+};
}

operations!("operations/planner.graphql": PendingGoals, StartPlanning, ProposePlan);
operations!(
    "operations/worker.graphql": RegisterWorker, Heartbeat, DrainWorker, ClaimTasks, RequestApproval, ApprovalOf, RecordExecution,
    PutFile, RecordUsage, CompleteTask, FailTask,
);
operations!("operations/member.graphql": Login, AgentsNamed, SubmitGoal, GoalStatusOf, AwaitingMe, DecideApproval);
