//! Viewers that ask in the same instant: each is answered as if it were alone.

use std::sync::Barrier;

use serde_json::json;

use crate::support::world::{Caller, World, on_both};

const ROUNDS: usize = 1_000;

const ROLES: [&str; 4] = ["Acme admin", "Globex admin", "Operator", "Acme outsider"];

/// The same texts for everybody: aliases, lists, children through loaders, and ids that one of them sees.
fn documents(world: &World) -> Vec<String> {
    let plan = &world.plan;
    let acme = world.acme();
    let mut goals: Vec<String> = Vec::new();
    for own in [true, false] {
        goals.extend(plan.goals.iter().filter(|row| (row.org_id == acme) == own).take(3).map(|row| row.id.to_string()));
    }
    // Both organisations installed it: one id, two organisations' rows.
    let global = plan.global_agents[0].id;
    let ids = json!(goals);
    vec![
        format!("{{ nodes(ids: {ids}) {{ id ... on Goal {{ goalText agent {{ name systemPrompt }} tasks(first: 2) {{ nodes {{ payload goal {{ goalText }} }} }} }} }} }}"),
        format!("{{ a: goal(id: {}) {{ goalText submittedBy {{ name }} }} b: goal(id: {}) {{ goalText submittedBy {{ name }} }} }}", json!(goals[0]), json!(goals[3])),
        "{ agents(first: 5) { nodes { id name systemPrompt collaborators { permission } goalCounts { status count } admins { name } } } }".to_owned(),
        format!("{{ agent(id: \"{global}\") {{ id status requiredApprovals goals(first: 3) {{ totalCount nodes {{ id goalText }} }} goalCounts {{ count }} }} }}"),
        "{ viewer { user { email } organization { name slug } orgRole teams { team { name } } permissions } }".to_owned(),
        "{ approvalRequests(first: 4) { nodes { id payload reason viewerCanDecide approvers { name } decisions { comment } } } }".to_owned(),
        "{ teams(first: 3) { nodes { name members(first: 3) { nodes { user { email } } } agents(first: 2) { nodes { name } } } } }".to_owned(),
        "{ chatSessions(first: 3) { nodes { title messageCount user { name } messages(first: 2) { nodes { content } } } } }".to_owned(),
    ]
}

on_both! {
    async fn who_asks_in_the_same_instant_is_answered_as_if_alone(world) {
        let mut callers: Vec<Caller<'_>> = Vec::new();
        for role in ROLES {
            callers.push(world.login(Some(role)).await);
        }
        let documents = documents(&world);
        let mut alone = Vec::new();
        for caller in &callers {
            let mut answers = Vec::new();
            for document in &documents {
                answers.push(caller.query(document).await.text);
            }
            alone.push(answers);
        }
        for (at, document) in documents.iter().enumerate() {
            // Answers that were the same would prove nothing.
            assert!(alone[0][at] != alone[1][at] && alone[0][at] != alone[2][at], "{document}");
            assert!(alone.iter().all(|answers| !answers[at].contains("\"errors\"")), "{document}");
        }
        let barrier = Barrier::new(callers.len());
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                for (caller, alone) in callers.iter().zip(&alone) {
                    let (barrier, runtime, documents) = (&barrier, runtime.clone(), &documents);
                    scope.spawn(move || {
                        let mut wrong = Vec::new();
                        for round in 0..ROUNDS {
                            let at = round % documents.len();
                            barrier.wait();
                            let answer = runtime.block_on(caller.query(&documents[at])).text;
                            // No panic here: the others would wait at the barrier for good.
                            if answer != alone[at] {
                                wrong.push((round, answer));
                            }
                        }
                        assert!(wrong.is_empty(), "{} answers differ; the first: {:?}", wrong.len(), wrong[0]);
                    });
                }
            });
        });
    }
}
