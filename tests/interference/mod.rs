//! Two worlds that differ only in what a viewer may not see give that viewer the same bytes.
//!
//! Operations are made from the schema by a seeded generator and sent, one after the other, to both worlds through the
//! HTTP router; status, headers and body must be the same to the byte. A super-admin's worlds differ in every
//! confidential column, a tenant's in the other organisation. An operation that tells them apart is made small and printed.
//!
//! `PALISADE_INTERFERENCE_OPERATIONS` is the number of operations for each viewer (without it 5,000 on SQLite and 1,500 on
//! PostgreSQL), `PALISADE_INTERFERENCE_SEED` the seed.
//!
//! Masked are the values of `accessToken`, `refreshToken` and a service account's `key`, which are random and shown once;
//! their length is compared. Nothing else is.

mod answers;
mod campaign;
mod coverage;
mod dice;
mod document;
mod follow;
mod generate;
mod leaks;
mod pages;
mod planted_answers;
mod planted_rows;
mod pools;
mod reach;
mod schema;
mod shrink;
mod twins;
mod values;
mod variants;

use campaign::{Campaign, settings};

/// A viewer's operations on one database: a super-admin's against other contents, a tenant's against another Globex.
async fn campaign(kind: &'static str, role: &'static str, operations: usize) -> Campaign {
    let (_, seed) = settings(kind);
    let (templates, other) = if role == "Operator" {
        (variants::contents(kind, &[]).await, None)
    } else {
        let templates = variants::neighbours(kind, &[]).await;
        let other = variants::other(&templates[0].plan);
        (templates, Some(other))
    };
    Campaign { templates, role, other, operations, seed, dress: None }
}

/// Runs them.
async fn nothing_shows(kind: &'static str, role: &'static str) {
    let (operations, seed) = settings(kind);
    let campaign = campaign(kind, role, operations).await;
    let report = Box::pin(campaign.run()).await;
    println!("{kind}, {}", report.line());
    if std::env::var("PALISADE_INTERFERENCE_VERBOSE").is_ok() {
        for (name, (tried, answered)) in &report.tried {
            println!("  {name}: {answered} of {tried}");
        }
    }
    if let Some(finding) = &report.finding {
        panic!("{}", finding.tell(role, seed));
    }
    // Most of what is asked must be answered, or the worlds are compared by their refusals. A service account is refused most
    // root fields, whatever it asks there.
    let least = if ["Acme planner", "Acme worker"].contains(&role) { 50 } else { 60 };
    assert!(report.data * 100 >= report.operations * least, "{}", report.line());
}

macro_rules! viewers {
    ($($name:ident = $role:literal;)*) => {
        $(
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::nothing_shows("sqlite", $role).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    super::nothing_shows("postgres", $role).await;
                }
            }
        )*
    };
}

viewers! {
    no_content_changes_what_the_operator_is_answered = "Operator";
    globex_changes_nothing_for_acmes_admin = "Acme admin";
    globex_changes_nothing_for_acmes_team_admin = "Acme team admin";
    globex_changes_nothing_for_acmes_member = "Acme member";
    globex_changes_nothing_for_acmes_outsider = "Acme outsider";
    globex_changes_nothing_for_acmes_agent_admin = "Acme agent admin";
    globex_changes_nothing_for_acmes_planner = "Acme planner";
    globex_changes_nothing_for_acmes_worker = "Acme worker";
}
