//! The demo platform: two organisations with the same names in them, as rows.
//!
//! [`plan`] makes them from nothing but the time given to it: the same `now`, the same rows, to the last id. It inserts
//! nothing (`store::seed` does) and asks nothing of a database. [`bench_world`] is the same platform with more work in it.
//!
//! Acme and Globex have the same teams, agents and people by name, on purpose: whoever mixes them up is caught, and a text
//! of one that shows the other's name is a leak.
//!
//! ```
//! let platform = palisade::demo::plan(chrono::DateTime::UNIX_EPOCH);
//! assert_eq!(platform.tasks.len(), 2_000);
//! ```

mod agents;
mod chats;
mod decisions;
mod dice;
mod files;
mod graph;
mod keys;
mod log;
mod people;
mod playbook;
mod scene;
mod spending;
mod work;

use chrono::{DateTime, SubsecRound, Utc};
use entity::{
    agent, agent_admin, agent_collaborator, agent_document, approval_decision, approval_request, budget, chat_message,
    chat_session, event, event_head, execution, global_agent, global_agent_document, goal, invitation, llm_usage,
    org_membership, organization, platform_event, service_account, service_account_agent, task, task_dependency, team,
    team_membership, usage_day, user, worker, workspace_file, workspace_usage,
};

use dice::Dice;
pub use files::DemoFile;
pub use keys::{DemoKey, key};
pub use people::logins;
use scene::Scene;

/// The password of every demo account that has one. It is no secret: the start-up text shows it.
pub const PASSWORD: &str = "demo-palisade";

/// All rows of the platform, by table; a table's rows refer to tables above it and to nothing else.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "a field is a table of the same name, described there")]
pub struct DemoPlatform {
    pub users: Vec<user::Model>,
    pub organizations: Vec<organization::Model>,
    pub global_agents: Vec<global_agent::Model>,
    pub global_agent_documents: Vec<global_agent_document::Model>,
    pub platform_events: Vec<platform_event::Model>,
    pub org_memberships: Vec<org_membership::Model>,
    pub invitations: Vec<invitation::Model>,
    pub teams: Vec<team::Model>,
    pub team_memberships: Vec<team_membership::Model>,
    pub agents: Vec<agent::Model>,
    pub agent_collaborators: Vec<agent_collaborator::Model>,
    pub agent_admins: Vec<agent_admin::Model>,
    pub service_accounts: Vec<service_account::Model>,
    pub service_account_agents: Vec<service_account_agent::Model>,
    pub workers: Vec<worker::Model>,
    pub goals: Vec<goal::Model>,
    pub workspace_files: Vec<workspace_file::Model>,
    pub workspace_usage: Vec<workspace_usage::Model>,
    pub agent_documents: Vec<agent_document::Model>,
    pub tasks: Vec<task::Model>,
    pub task_dependencies: Vec<task_dependency::Model>,
    pub executions: Vec<execution::Model>,
    pub approval_requests: Vec<approval_request::Model>,
    pub approval_decisions: Vec<approval_decision::Model>,
    pub chat_sessions: Vec<chat_session::Model>,
    pub chat_messages: Vec<chat_message::Model>,
    pub llm_usage: Vec<llm_usage::Model>,
    pub usage_days: Vec<usage_day::Model>,
    pub budgets: Vec<budget::Model>,
    pub events: Vec<event::Model>,
    pub event_heads: Vec<event_head::Model>,
    /// The files' bytes, for the workspace; not stored.
    pub files: Vec<DemoFile>,
    /// Who can sign in, for the start-up text; not stored.
    pub logins: Vec<DemoLogin>,
    /// The keys of its service accounts, for the start-up text; not stored.
    pub keys: Vec<DemoKey>,
}

/// An account that the start-up text and `/demo/logins.json` name.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct DemoLogin {
    /// What the account stands for.
    pub role: &'static str,
    /// Its address.
    pub email: String,
    /// Its password.
    pub password: &'static str,
    /// The name of the organisation that it is shown for; none for an operator and for a member of both.
    pub organization: Option<&'static str>,
    /// What to try with it.
    pub note: &'static str,
}

/// How much work an organisation has.
#[derive(Clone, Copy, Debug)]
struct Shape {
    goals: usize,
    tasks: usize,
}

/// The demo platform, with a history of 30 days that ends at `now`: 200 goals and 2,000 tasks in all.
pub fn plan(now: DateTime<Utc>) -> DemoPlatform {
    generate(now, Shape { goals: 100, tasks: 1_000 })
}

/// The same platform with so many tasks **in each** of its organisations, ten to a goal, for benchmarks. Not fewer than
/// 1,000, so that every state occurs.
pub fn bench_world(now: DateTime<Utc>, tasks: usize) -> DemoPlatform {
    let tasks = tasks.max(1_000);
    generate(now, Shape { goals: tasks / 10, tasks })
}

fn generate(now: DateTime<Utc>, shape: Shape) -> DemoPlatform {
    // The databases keep microseconds.
    let now = now.trunc_subsecs(6);
    let mut rows = DemoPlatform::default();
    let mut dice = Dice::new(0x9a11_5ade);
    let operator = people::operator(&mut rows, &mut dice, now);
    let consultant = people::consultant(&mut rows, &mut dice, now);
    let global = agents::global(&mut rows, &mut dice, now, operator);
    for organization in scene::ORGANIZATIONS {
        let mut scene = Scene::open(organization, now, operator, &mut rows, &mut dice);
        let cast = people::members(&mut scene, consultant);
        let runner = keys::worker(&mut scene, &cast);
        let staff = agents::own(&mut scene, &cast, &global, runner);
        keys::planner(&mut scene, &cast, &staff);
        work::goals(&mut scene, &cast, &staff, shape);
        chats::sessions(&mut scene, &cast, &staff);
        log::close(scene);
    }
    spending::add_up(&mut rows, now);
    work::runs::write(&mut rows, &mut dice);
    decisions::write(&mut rows, &mut dice, now);
    files::write(&mut rows);
    rows.logins = people::logins();
    rows
}
