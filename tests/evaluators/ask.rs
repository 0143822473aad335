//! The evaluators: the SQL predicate, the decision in memory, and what is answered over GraphQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use entity::{
    enums::OrgRole,
    ids::{
        AgentDocumentId, AgentId, ApprovalRequestId, ChatMessageId, ChatSessionId, EventId, ExecutionId, GoalId, OrgId,
        ServiceAccountId, SessionId, TaskId, TeamId, TypedId, UserId, UserIdentityId, WorkerId, WorkspaceFileId,
    },
};
use palisade::{
    graphql::context::ClientAddress,
    http::graphql::engine::{Call, Engine},
    policy::{
        AgentFacts, AgentKey, ApprovalFacts, ChatFacts, GoalFacts, OrgFacts, Outcome, Permission, Resource, TeamFacts,
        TeamKey, WorkerFacts, decide,
    },
    store::scope::{Scope, Visible},
    viewer::{Account, AgentAccess, Entry, External, ServiceViewer, TenantViewer, Viewer},
};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, TryGetable as _,
    sea_query::{Alias, Expr, ExprTrait as _, IntoColumnRef as _},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    law::Law,
    object::Object,
    rows::{Ids, session},
    sketch::{Fact, World},
    who::Who,
};
use crate::support::world;

/// The viewer that the law says somebody is.
pub fn viewer(ids: &Ids<'_>, who: &Who) -> Viewer {
    let account = |person: usize, org| {
        Account::signed_in(ids.id("person", person), ids.id::<SessionId>("session", session(person, org)))
    };
    match who {
        Who::Operator { person } => Viewer::SuperAdmin(account(*person, None)),
        Who::Outside { person } => Viewer::Unaffiliated(account(*person, None)),
        Who::Key { n, org, scopes, sight } => Viewer::ServiceAccount(ServiceViewer {
            id: ids.id("key", *n),
            org_id: ids.id("org", *org),
            scopes: scopes.clone(),
            agents: match sight {
                None => AgentAccess::All,
                Some(agents) => AgentAccess::Named(agents.iter().map(|agent| ids.id("agent", *agent)).collect()),
            },
        }),
        Who::Member { person, org, role, teams, scopes } => {
            let mut account = account(*person, Some(*org));
            if let Some(scopes) = scopes {
                let external = External {
                    identity_id: ids.id::<UserIdentityId>("identity", *person),
                    issuer: Arc::from("https://issuer.example"),
                    scopes: Some(scopes.clone()),
                };
                account.entry = Entry::External(external);
            }
            let teams: BTreeMap<TeamId, _> = teams.iter().map(|(team, role)| (ids.id("team", *team), *role)).collect();
            Viewer::Tenant(TenantViewer { account, org_id: ids.id("org", *org), org_role: *role, teams })
        }
    }
}

/// A row's name in its table: organisation (nil for the platform's) and the columns that make it one.
pub type Key = Vec<Uuid>;

/// The row of an object.
pub fn key(ids: &Ids<'_>, world: &World, object: Object) -> (&'static str, Key) {
    let org = |org: usize| ids.uuid("org", org);
    let of_goal = |goal: usize| org(world.goal(goal).unwrap().0);
    let place = |place: usize| &world.0[place];
    let named = |table: &'static str, kind: &'static str, n: usize, at: Uuid| (table, vec![at, ids.uuid(kind, n)]);
    let owner = |found: &dyn Fn(&Fact) -> Option<usize>| org(world.find(|fact| found(fact)).unwrap());
    match object {
        Object::Org(n) => ("organizations", vec![org(n)]),
        Object::User(n) => ("users", vec![ids.uuid("person", n)]),
        Object::Global(n) => ("global_agents", vec![ids.uuid("agent", n)]),
        Object::GlobalDocument(n) => ("global_agent_documents", vec![ids.uuid("document", n)]),
        Object::Agent(n) => named("agents", "agent", n, org(world.agent_org(n).unwrap())),
        Object::Installed(at, n) => named("agents", "agent", n, org(at)),
        Object::Document(n) => {
            let at = owner(&|fact| match fact {
                Fact::Document { n: document, agent } if *document == n => world.agent_org(*agent),
                _ => None,
            });
            named("agent_documents", "document", n, at)
        }
        Object::Share(at) => {
            let Fact::Share { agent, with, .. } = place(at) else { panic!("a share") };
            let (person, team) = match with {
                super::sketch::Sharer::Person(person) => (ids.uuid("person", *person), Uuid::nil()),
                super::sketch::Sharer::Team(team) => (Uuid::nil(), ids.uuid("team", *team)),
            };
            (
                "agent_collaborators",
                vec![org(world.agent_org(*agent).unwrap()), ids.uuid("agent", *agent), person, team],
            )
        }
        Object::Post(at) => {
            let Fact::Post { org: at, agent, person } = *place(at) else { panic!("a post") };
            ("agent_admins", vec![org(at), ids.uuid("agent", agent), ids.uuid("person", person)])
        }
        Object::Goal(n) => named("goals", "goal", n, of_goal(n)),
        Object::Task(n) => named("tasks", "task", n, of_goal(world.task_goal(n).unwrap())),
        Object::Edge(n) | Object::Execution(n) => {
            let at = owner(&|fact| {
                let task = match (object, fact) {
                    (Object::Edge(_), Fact::Edge { n: edge, task, .. }) if *edge == n => *task,
                    (Object::Execution(_), Fact::Execution { n: run, task }) if *run == n => *task,
                    _ => return None,
                };
                world.goal(world.task_goal(task).unwrap()).map(|(org, ..)| org)
            });
            let is_edge = matches!(object, Object::Edge(_));
            if is_edge { named("task_dependencies", "edge", n, at) } else { named("executions", "execution", n, at) }
        }
        Object::File(n) => {
            let at = owner(&|fact| match fact {
                Fact::File { n: file, goal } if *file == n => world.goal(*goal).map(|(org, ..)| org),
                _ => None,
            });
            named("workspace_files", "file", n, at)
        }
        Object::Approval(n) => named("approval_requests", "approval", n, of_goal(world.approval(n).unwrap().0)),
        Object::Decision(n) => {
            let at = owner(&|fact| match fact {
                Fact::Decision { n: decision, approval, .. } if *decision == n => {
                    world.goal(world.approval(*approval).unwrap().0).map(|(org, ..)| org)
                }
                _ => None,
            });
            named("approval_decisions", "decision", n, at)
        }
        Object::Chat(n) => named("chat_sessions", "chat", n, org(world.chat(n).unwrap().0)),
        Object::Message(n) => {
            let at = owner(&|fact| match fact {
                Fact::Message { n: message, chat } if *message == n => world.chat(*chat).map(|(org, ..)| org),
                _ => None,
            });
            named("chat_messages", "message", n, at)
        }
        Object::Usage(at) => {
            let Fact::Usage { org: at, agent, person } = *place(at) else { panic!("usage") };
            ("usage_days", vec![org(at), ids.uuid("agent", agent), ids.uuid("person", person)])
        }
        Object::Event(n) => named("events", "event", n, org(n)),
        Object::Invitation(n) => named("invitations", "invitation", n, org(n)),
        Object::Budget(n) => ("budgets", vec![org(n)]),
        Object::Worker(n) => {
            let at = owner(&|fact| match fact {
                Fact::Worker { n: worker, org, .. } if *worker == n => Some(*org),
                _ => None,
            });
            named("workers", "worker", n, at)
        }
        Object::Key(n) => {
            let at = owner(&|fact| match fact {
                Fact::Key { n: key, org, .. } if *key == n => Some(*org),
                _ => None,
            });
            named("service_accounts", "key", n, at)
        }
        Object::Team(n) => named("teams", "team", n, org(world.team_org(n).unwrap())),
        Object::Seat(at) => {
            let Fact::Seat { team, person, .. } = *place(at) else { panic!("a seat") };
            named("team_memberships", "seat", team * 50 + person, org(world.team_org(team).unwrap()))
        }
        Object::Member(at) => {
            let Fact::Member { org: at, person, .. } = *place(at) else { panic!("a membership") };
            named("org_memberships", "membership", at * 50 + person, org(at))
        }
    }
}

async fn read<E: Visible>(
    root: &DatabaseConnection,
    scope: Scope<'_>,
    ids: &Ids<'_>,
    columns: &[&'static str],
) -> Vec<(&'static str, Key)> {
    let table = E::default().table_name();
    let column = |name: &'static str| Expr::col((E::default(), Alias::new(name)).into_column_ref());
    let mut select = scope.rows::<E>();
    for name in columns {
        select.expr(column(name));
    }
    // An operator sees every world that is in the database; whoever belongs to an organisation is not helped.
    if scope.org_id().is_none() && columns[0] == "org_id" {
        select.and_where(column("org_id").is_in([ids.uuid("org", 0), ids.uuid("org", 1)]));
    }
    let rows = root.query_all(&select).await.unwrap();
    let cell = |row: &sea_orm::QueryResult, at| Option::<Uuid>::try_get_by_index(row, at).unwrap().unwrap_or_default();
    rows.iter().map(|row| (table, (0..columns.len()).map(|at| cell(row, at)).collect())).collect()
}

/// Every row that the SQL predicate shows, asked as who may read anything: the predicate alone stands between.
pub async fn by_sql(root: &DatabaseConnection, viewer: &Viewer, ids: &Ids<'_>) -> BTreeSet<(&'static str, Key)> {
    let Some(scope) = Scope::of(viewer) else { return BTreeSet::new() };
    let mut all = BTreeSet::new();
    macro_rules! tables {
        ($($table:ident: $columns:expr;)*) => {
            $(all.extend(read::<entity::$table::Entity>(root, scope, ids, &$columns).await);)*
        };
    }
    tables! {
        organization: ["id"];
        user: ["id"];
        global_agent: ["id"];
        global_agent_document: ["id"];
        agent: ["org_id", "id"];
        agent_document: ["org_id", "id"];
        agent_collaborator: ["org_id", "agent_id", "user_id", "team_id"];
        agent_admin: ["org_id", "agent_id", "user_id"];
        goal: ["org_id", "id"];
        task: ["org_id", "id"];
        task_dependency: ["org_id", "id"];
        execution: ["org_id", "id"];
        workspace_file: ["org_id", "id"];
        approval_request: ["org_id", "id"];
        approval_decision: ["org_id", "id"];
        chat_session: ["org_id", "id"];
        chat_message: ["org_id", "id"];
        usage_day: ["org_id", "agent_id", "user_id"];
        event: ["org_id", "id"];
        invitation: ["org_id", "id"];
        budget: ["org_id"];
        worker: ["org_id", "id"];
        service_account: ["org_id", "id"];
        team: ["org_id", "id"];
        team_membership: ["org_id", "id"];
        org_membership: ["org_id", "id"];
    }
    all
}

/// The decision in memory about facts that the test found out by itself; none for rows that no decision is made about.
pub fn by_decision(
    ids: &Ids<'_>,
    law: &Law<'_>,
    who: &Who,
    viewer: &Viewer,
    permission: Option<Permission>,
    object: Object,
) -> Option<Outcome> {
    let world = law.world;
    let org_id = |org: usize| ids.id::<OrgId>("org", org);
    let agent = |n: usize| {
        let at = law.stands(who, n);
        AgentFacts {
            key: AgentKey { org_id: world.agent_org(n).map(org_id), id: ids.id("agent", n) },
            visibility: at.visibility,
            owner_id: at.owner.map(|person| ids.id("person", person)),
            team_id: at.team.map(|team| ids.id("team", team)),
            share: at.share,
            is_agent_admin: at.decides,
        }
    };
    let goal = |n: usize| {
        let (org, of, by) = world.goal(n).unwrap();
        GoalFacts {
            org_id: org_id(org),
            id: ids.id("goal", n),
            submitted_by: by.map(|person| ids.id("person", person)),
            agent: agent(of),
        }
    };
    let answer =
        |read: Permission, resource: Resource<'_>| Some(decide(viewer, permission.unwrap_or(read), resource).outcome);
    let organization = |read, org| answer(read, Resource::Organization(&OrgFacts { org_id: org_id(org) }));
    let is_key = matches!(who, Who::Key { .. });
    match object {
        Object::Agent(n) | Object::Global(n) => answer(Permission::AgentRead, Resource::Agent(&agent(n))),
        Object::Document(n) | Object::GlobalDocument(n) => {
            let of = world.find(|fact| match fact {
                Fact::Document { n: document, agent } if *document == n => Some(*agent),
                _ => None,
            });
            answer(Permission::AgentRead, Resource::Agent(&agent(of.unwrap())))
        }
        Object::Goal(n) => answer(Permission::GoalRead, Resource::Goal(&goal(n))),
        Object::Task(n) => answer(Permission::GoalRead, Resource::Goal(&goal(world.task_goal(n).unwrap()))),
        Object::Approval(n) => {
            let (of, by, required_approvals) = world.approval(n).unwrap();
            let GoalFacts { org_id, agent, .. } = goal(of);
            let facts = ApprovalFacts {
                org_id,
                id: ids.id("approval", n),
                requested_by: by.map(|person| ids.id("person", person)),
                required_approvals,
                one_admin: who.org().is_some_and(|org| law.admins(org) == 1),
                agent,
            };
            answer(Permission::ApprovalRead, Resource::Approval(&facts))
        }
        Object::Chat(n) => {
            let (org, of, by) = world.chat(n).unwrap();
            let facts = ChatFacts {
                org_id: org_id(org),
                id: ids.id("chat", n),
                user_id: by.map(|person| ids.id("person", person)),
                agent: Some(agent(of)),
            };
            answer(Permission::ChatRead, Resource::Chat(&facts))
        }
        Object::Team(n) => {
            let key = TeamKey { org_id: org_id(world.team_org(n).unwrap()), id: ids.id("team", n) };
            answer(Permission::MemberRead, Resource::Team(&TeamFacts { key }))
        }
        // For a key, the facts are about whose worker it is, which is no question of seeing it.
        Object::Worker(n) if !is_key => {
            let org = world.find(|fact| match fact {
                Fact::Worker { n: worker, org, .. } if *worker == n => Some(*org),
                _ => None,
            });
            let facts = WorkerFacts { org_id: org_id(org.unwrap()), id: ids.id("worker", n), service_account_id: None };
            answer(Permission::WorkerRead, Resource::Worker(&facts))
        }
        Object::Org(org) => organization(Permission::OrganizationRead, org),
        Object::Event(org) => organization(Permission::AuditRead, org),
        Object::Invitation(org) => organization(Permission::MemberManage, org),
        Object::Budget(org) => organization(Permission::OperationsRead, org),
        _ => None,
    }
}

/// The id by which an object is asked for; none where there is no such thing.
pub fn gid(ids: &Ids<'_>, object: Object) -> Option<String> {
    fn text<I: TypedId>(ids: &Ids<'_>, kind: &'static str, n: usize) -> Option<String> {
        Some(ids.id::<I>(kind, n).to_string())
    }
    match object {
        Object::Agent(n) | Object::Global(n) => text::<AgentId>(ids, "agent", n),
        Object::Document(n) | Object::GlobalDocument(n) => text::<AgentDocumentId>(ids, "document", n),
        Object::Goal(n) => text::<GoalId>(ids, "goal", n),
        Object::Task(n) => text::<TaskId>(ids, "task", n),
        Object::Execution(n) => text::<ExecutionId>(ids, "execution", n),
        Object::File(n) => text::<WorkspaceFileId>(ids, "file", n),
        Object::Approval(n) => text::<ApprovalRequestId>(ids, "approval", n),
        Object::Chat(n) => text::<ChatSessionId>(ids, "chat", n),
        Object::Message(n) => text::<ChatMessageId>(ids, "message", n),
        Object::Event(n) => text::<EventId>(ids, "event", n),
        Object::Worker(n) => text::<WorkerId>(ids, "worker", n),
        Object::Key(n) => text::<ServiceAccountId>(ids, "key", n),
        Object::Team(n) => text::<TeamId>(ids, "team", n),
        Object::User(n) => text::<UserId>(ids, "person", n),
        Object::Org(n) => text::<OrgId>(ids, "org", n),
        _ => None,
    }
}

/// The schema without limits, asked as any viewer.
pub struct Door {
    engine: Engine,
}

impl Door {
    pub fn new() -> Self {
        Self { engine: world::unlimited() }
    }

    /// The data of an answer without errors.
    pub async fn ask(&self, world: &world::World, viewer: &Viewer, query: String) -> Value {
        let call = Call { query, ..Call::default() };
        let client = ClientAddress(IpAddr::from([127, 0, 0, 1]));
        let mut budget = u64::MAX;
        let (answer, _) = self.engine.run(&world.rooms, viewer, client, call, &mut budget).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        answer.data.unwrap().into_json().unwrap()
    }
}

/// Whether a loaded viewer is the one that the law says.
pub fn same(loaded: &Viewer, wanted: &Viewer) -> bool {
    match (loaded, wanted) {
        (Viewer::Tenant(a), Viewer::Tenant(b)) => {
            let role = |viewer: &TenantViewer| viewer.org_role == OrgRole::Admin;
            a.account.user_id == b.account.user_id && a.org_id == b.org_id && role(a) == role(b) && a.teams == b.teams
        }
        (Viewer::ServiceAccount(a), Viewer::ServiceAccount(b)) => {
            a.id == b.id && a.org_id == b.org_id && a.scopes == b.scopes && a.agents == b.agents
        }
        (Viewer::SuperAdmin(a), Viewer::SuperAdmin(b)) | (Viewer::Unaffiliated(a), Viewer::Unaffiliated(b)) => {
            a.user_id == b.user_id
        }
        _ => false,
    }
}
