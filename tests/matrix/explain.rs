//! `viewerCan` over HTTP, what `palisade policy explain` says, and the table: three answers to one question, for everybody,
//! about every object and every row that fits it. That the real answer is the table's, too, the other tests here show.

use std::process::{Command, Stdio};

use entity::ids::{AgentId, GoalId};
use palisade::{
    error::Error,
    policy::{Explanation, Outcome, Permission as P},
    service::explain::explained,
    store::Store,
};
use serde_json::{Value, json};

use super::{
    cast::{ACTORS, Actor, Is, Org, gid, named},
    reading::{Verdict, one},
    rows::{email, of, org},
    schema,
    stage::Stage,
    things::{Thing, things},
};
use crate::support::world::World;

/// Aliases that one document may have at its root.
const ROOTS: usize = 20;

/// The rows that can be asked about an object of a kind.
fn fitting(kind: &str) -> &'static [P] {
    match kind {
        "Agent" => &[
            P::AgentRead,
            P::AgentUpdate,
            P::AgentAdminister,
            P::AgentGovern,
            P::AgentManageGlobal,
            P::GoalSubmit,
            P::ChatStart,
        ],
        "Goal" => &[P::GoalRead, P::GoalCancel, P::PlanPropose, P::FileWrite],
        "ApprovalRequest" => &[P::ApprovalRead, P::ApprovalDecide],
        "ChatSession" => &[P::ChatRead, P::ChatWrite, P::ChatClose],
        "Team" => &[P::MemberRead, P::TeamManage, P::TeamMemberManage],
        "User" => &[P::MemberRead, P::UserManage, P::UserRename, P::SuperAdminAppoint],
        "Organization" => &[
            P::OrganizationManage,
            P::OrganizationRead,
            P::OrganizationConfigure,
            P::MemberRead,
            P::MemberManage,
            P::MemberAdd,
            P::IssuerManage,
            P::TeamManage,
            P::UsageRecord,
            P::OperationsRead,
            P::BudgetSet,
            P::ServiceAccountManage,
            P::WorkerRead,
            P::AuditRead,
            P::AuditExport,
        ],
        _ => &[],
    }
}

/// As whom `explain` is told to look.
fn who(actor: &Actor) -> (String, Option<&'static str>) {
    let handle = actor.org().map(Org::slug);
    match actor.is {
        Is::Key { .. } => (actor.name.to_owned(), handle),
        _ => (email(actor.name), handle),
    }
}

async fn store_as(world: &World, actor: &Actor) -> palisade::error::Result<Store> {
    let (who, handle) = who(actor);
    world.rooms.identity().store_as(&who, handle).await
}

/// What `viewerCan` calls the answer.
fn rule(explanation: &Explanation) -> String {
    match explanation.decision.outcome {
        Outcome::Hide => "not_found".to_owned(),
        _ => format!("{}/{}", explanation.decision.permission.as_str(), explanation.decision.by),
    }
}

/// What the table says of an object that is loaded under the asker's scope.
fn wanted(actor: &Actor, row: P, thing: &Thing) -> Verdict {
    if thing.seen(actor) { one(actor, row, thing.object) } else { Verdict::Hide }
}

async fn compare(stage: &Stage, actor: &Actor, thing: &Thing, wrong: &mut Vec<String>) -> usize {
    let rows = fitting(thing.kind);
    let store = store_as(&stage.world, actor).await.unwrap();
    for rows in rows.chunks(ROOTS) {
        let one = |(at, row): (usize, &P)| {
            format!("r{at}: viewerCan(permission: {}, id: $id) {{ allowed rule }}", row.as_str())
        };
        let asked: Vec<String> = rows.iter().enumerate().map(one).collect();
        let document = format!("query($id: ID!) {{ {} }}", asked.join(" "));
        let reply = stage.caller(actor).send(&document, json!({ "id": thing.id })).await;
        for (at, row) in rows.iter().enumerate() {
            let told = &reply.data()[format!("r{at}")];
            let explanation = explained(&store, *row, Some(&thing.id)).await.unwrap();
            let wanted = wanted(actor, *row, thing);
            let allowed = wanted == Verdict::Allow;
            let hidden = wanted == Verdict::Hide;
            let by_http = told["allowed"] == allowed && (told["rule"] == "not_found") == hidden;
            let alike = told["rule"] == rule(&explanation) && told["allowed"] == explanation.decision.allowed();
            if !by_http || !alike || !says_enough(&explanation) {
                let cell = format!("{} on {} {} by {}", row.as_str(), thing.kind, thing.name, actor.name);
                wrong.push(format!("{cell}: wanted {wanted:?}, viewerCan {told}, explained {explanation:?}"));
            }
        }
    }
    rows.len()
}

/// What is allowed by a column shows that column granting; what is refused for want of a role shows none; and of what is
/// not there nothing is said at all.
fn says_enough(explanation: &Explanation) -> bool {
    let granting = explanation.readings.iter().any(|reading| reading.grants);
    match explanation.decision.outcome {
        Outcome::Allow => granting && !explanation.facts.is_empty(),
        Outcome::Forbid if explanation.decision.by == "no_role" => !granting && !explanation.readings.is_empty(),
        Outcome::Forbid => !explanation.facts.is_empty(),
        Outcome::Hide | Outcome::SignIn => explanation.readings.is_empty() && explanation.facts.is_empty(),
    }
}

async fn three_answers(stage: Stage) {
    let (mut wrong, mut done, mut expected) = (Vec::new(), 0, 0);
    let things: Vec<Thing> = things().into_iter().filter(|thing| !fitting(thing.kind).is_empty()).collect();
    let asking = || ACTORS.iter().filter(|actor| !matches!(actor.is, Is::Nobody | Is::Gone));
    for actor in asking() {
        for thing in &things {
            expected += fitting(thing.kind).len();
            done += compare(&stage, actor, thing, &mut wrong).await;
        }
    }
    assert!(wrong.is_empty(), "{} of {done} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(done, expected);
    // Who is turned away at the door is turned away by the command.
    for actor in ACTORS.iter().filter(|actor| actor.is == Is::Gone) {
        let handle = if actor.name == "cleo" { "gamma" } else { "alpha" };
        let found = stage.world.rooms.identity().viewer_as(&email(actor.name), Some(handle)).await;
        assert!(matches!(found, Err(Error::NotFound | Error::Unauthenticated)), "{}: {found:?}", actor.name);
        let reply = stage.caller(actor).query("{ viewerCan(permission: AGENT_READ) { allowed } }").await;
        assert_eq!(reply.status, 401, "{}", actor.name);
    }
}

/// Nobody can ask about somebody else over the API: there is no argument for it.
async fn nobody_else(stage: Stage) {
    let fields = schema::fields(&stage.caller(named("ada")), "queryType").await;
    assert_eq!(fields["viewerCan"].arguments.keys().collect::<Vec<_>>(), ["id", "permission"]);
    let document = "query($id: ID!) { viewerCan(permission: AGENT_READ, id: $id) { allowed rule } }";
    let never = gid::<AgentId>("never made");
    for foreign in
        [gid::<AgentId>("private"), gid::<GoalId>(&of("waits", "public", "sue")), org(Org::Alpha).to_string(), never]
    {
        let reply = stage.caller(named("fay")).send(document, json!({ "id": foreign })).await;
        assert_eq!(reply.data()["viewerCan"], json!({ "allowed": false, "rule": "not_found" }));
        let store = store_as(&stage.world, named("fay")).await.unwrap();
        let explanation = explained(&store, P::AgentRead, Some(&foreign)).await.unwrap();
        assert_eq!(format!("{explanation:?}"), format!("{:?}", Explanation::not_found(P::AgentRead)));
    }
}

/// Exit code, stdout and stderr of `palisade policy explain`.
fn run(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.env_clear().current_dir(folder.path()).env("PALISADE_DATABASE__URL", stage.world.address());
    command.env("PALISADE_IDENTITY__SECRET", "A".repeat(43) + "=").args(["policy", "explain"]).args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn the_command(stage: Stage) {
    let goal = gid::<GoalId>(&of("waits", "private", "sam"));
    let asked = |name: &'static str| ["--as", name, "--action", "GOAL_CANCEL", "--on"];
    for (actor, code, words) in [
        ("ed", 0, "allow: The cell of this column grants it."),
        ("una", 1, "forbid: No column that the viewer stands in grants it."),
        ("max", 1, "not_found: Absent, hidden or another organisation's"),
        ("fay", 1, "not_found: Absent, hidden or another organisation's"),
        ("petra", 1, "forbid: The cell of super-admins does not grant it."),
    ] {
        let address = email(actor);
        let mut arguments = asked("").to_vec();
        arguments[1] = &address;
        arguments.push(&goal);
        let (status, said, complaint) = run(&stage, &arguments);
        assert_eq!(status, Some(code), "{actor}: {said}{complaint}");
        assert!(said.starts_with(words), "{actor}: {said}");
        // The same for a program.
        arguments.push("--json");
        let (status, said, _) = run(&stage, &arguments);
        let told: Value = serde_json::from_str(&said).unwrap();
        let document = "query($id: ID!) { viewerCan(permission: GOAL_CANCEL, id: $id) { allowed rule } }";
        let reply = stage.caller(named(actor)).send(document, json!({ "id": goal })).await;
        let over_http = &reply.data()["viewerCan"];
        assert_eq!((&told["allowed"], &told["rule"]), (&over_http["allowed"], &over_http["rule"]), "{actor}");
        assert_eq!(status, Some(if told["allowed"] == true { 0 } else { 1 }));
        assert_eq!(told["facts"].as_array().unwrap().is_empty(), told["rule"] == "not_found");
    }
    let (status, said, _) =
        run(&stage, &["--as", "k-plans", "--org", "alpha", "--action", "plan-propose", "--on", &goal]);
    assert!(status == Some(0) && said.contains("plans:write"), "{said}");
    // A wrong question is a wrong command line; who is not there, or could not sign in, may not.
    let known = email("ada");
    for (code, arguments) in [
        (2, vec!["--as", &known, "--action", "NO_SUCH_ROW", "--on", &goal]),
        (2, vec!["--as", &known, "--action", "GOAL_CANCEL", "--on", "goal_x"]),
        (2, vec!["--as", "k-plans", "--action", "GOAL_CANCEL", "--on", &goal]),
        (1, vec!["--as", "never@matrix.example", "--action", "GOAL_CANCEL", "--on", &goal]),
        (1, vec!["--as", "sid@matrix.example", "--action", "GOAL_CANCEL", "--on", &goal]),
        (1, vec!["--as", "leo@matrix.example", "--org", "alpha", "--action", "GOAL_CANCEL", "--on", &goal]),
    ] {
        let (status, said, complaint) = run(&stage, &arguments);
        assert_eq!((status, said.as_str()), (Some(code), ""), "{arguments:?}: {complaint}");
        assert!(!complaint.is_empty());
    }
}

/// What is explained names nothing that is content.
async fn no_content(stage: Stage) {
    for actor in ["ada", "petra", "k-every"].map(named) {
        let store = store_as(&stage.world, actor).await.unwrap();
        for thing in things().iter().filter(|thing| !fitting(thing.kind).is_empty()) {
            let object_is_there = thing.seen(actor);
            let explanation = explained(&store, fitting(thing.kind)[0], Some(&thing.id)).await.unwrap();
            assert_eq!(explanation.decision.outcome != Outcome::Hide, object_is_there);
            let told = format!("{explanation:?}");
            for content in ["prompt", "\"title\"", "reason", "region", "hello", "\"goal\""] {
                assert!(!told.contains(content), "{told}");
            }
        }
    }
}

macro_rules! on_both {
    ($($name:ident: $run:ident;)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    $run(Stage::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    $run(Stage::postgres().await).await;
                }
            }
        )*
    };
}

on_both! {
    viewer_can_and_explain_say_what_the_table_says: three_answers;
    nobody_asks_about_another_and_a_foreign_object_is_not_there: nobody_else;
    the_command_says_why_and_its_exit_code_whether: the_command;
    an_explanation_holds_no_content: no_content;
}
