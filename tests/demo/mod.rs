//! Invariant: the demo platform is one that the API itself could have made. It is what was promised in size, the same for
//! the same time, free of contradictions, and neither organisation's rows know of the other.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::{
        AgentStatus, AgentVisibility, ApprovalStatus, ApprovalType, ChatRole, ChatSessionStatus,
        CollaboratorPermission, DocumentType, GoalStatus, InvitationStatus, MembershipStatus, OrgRole, TaskStatus,
        TeamRole, UserStatus, WorkerStatus,
    },
    event_chain::{EventFields, GENESIS, link},
    ids::{OrgId, TypedId, UserId},
};
use palisade::{
    demo::{self, DemoPlatform},
    error::Error,
    store::{
        db::{Database, PoolLimits},
        seed,
    },
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait, Statement, TransactionTrait,
    Value,
};

use crate::support::postgres;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap()
}

/// A row as what is stored of it.
type Cells = BTreeMap<String, Value>;

fn cells<M>(rows: &[M]) -> Vec<Cells>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
{
    let row = |row: &M| {
        let row = row.clone().into_active_model();
        let cell = |column| (format!("{column:?}"), row.get(column).into_value().unwrap());
        <M::Entity as EntityTrait>::Column::iter().map(cell).collect()
    };
    rows.iter().map(row).collect()
}

/// Every row of every table.
fn tables(platform: &DemoPlatform) -> Vec<(&'static str, Vec<Cells>)> {
    macro_rules! list {
        ($($table:ident),*) => { vec![$((stringify!($table), cells(&platform.$table))),*] };
    }
    list![
        users,
        organizations,
        global_agents,
        global_agent_documents,
        platform_events,
        org_memberships,
        invitations,
        teams,
        team_memberships,
        agents,
        agent_collaborators,
        agent_admins,
        workers,
        goals,
        agent_documents,
        tasks,
        task_dependencies,
        approval_requests,
        chat_sessions,
        chat_messages,
        llm_usage,
        events,
        event_heads
    ]
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => text.as_deref(),
        _ => None,
    }
}

fn org(platform: &DemoPlatform, slug: &str) -> OrgId {
    platform.organizations.iter().find(|row| row.slug == slug).unwrap().id
}

#[test]
fn the_same_time_makes_the_same_rows() {
    assert!(tables(&demo::plan(now())) == tables(&demo::plan(now())));
    assert!(tables(&demo::plan(now())) != tables(&demo::plan(now() + TimeDelta::seconds(1))));
}

#[test]
fn the_platform_has_what_was_promised() {
    let platform = demo::plan(now());
    assert_eq!(platform.organizations.len(), 2);
    assert_eq!(platform.goals.len(), 200);
    assert_eq!(platform.tasks.len(), 2_000);
    assert_eq!(platform.global_agents.len(), 3);
    let own = platform.agents.iter().filter(|row| row.visibility != AgentVisibility::Global).count();
    assert_eq!(own + platform.global_agents.len(), 20, "agents over all four visibilities");
    assert_eq!(platform.users.iter().filter(|row| row.is_super_admin).count(), 1);
    for organization in &platform.organizations {
        let of = |org_id: OrgId| org_id == organization.id;
        let members = platform.org_memberships.iter().filter(|row| of(row.org_id));
        let active = members.filter(|row| row.status == MembershipStatus::Active).count();
        assert!((11..=12).contains(&active), "{active}");
        assert_eq!(platform.goals.iter().filter(|row| of(row.org_id)).count(), 100);
        assert_eq!(platform.tasks.iter().filter(|row| of(row.org_id)).count(), 1_000);
    }
    let mut organizations_of: HashMap<UserId, usize> = HashMap::new();
    for row in &platform.org_memberships {
        *organizations_of.entry(row.user_id).or_default() += 1;
    }
    assert_eq!(organizations_of.values().filter(|count| **count == 2).count(), 1, "a member of both");
    let installed: HashSet<_> =
        platform.agents.iter().filter(|row| row.visibility == AgentVisibility::Global).map(|row| row.id).collect();
    assert!(platform.global_agents.iter().all(|row| installed.contains(&row.id)));
}

#[test]
fn every_state_occurs() {
    let platform = demo::plan(now());
    macro_rules! all {
        ($enum:ident, $table:ident . $column:ident) => {
            let found: HashSet<$enum> = platform.$table.iter().map(|row| row.$column).collect();
            for value in $enum::ALL {
                assert!(found.contains(value), "{} {}", stringify!($table), value.as_str());
            }
        };
    }
    all!(UserStatus, users.status);
    all!(MembershipStatus, org_memberships.status);
    all!(OrgRole, org_memberships.role);
    all!(InvitationStatus, invitations.status);
    all!(TeamRole, team_memberships.role);
    all!(AgentStatus, agents.status);
    all!(AgentVisibility, agents.visibility);
    all!(CollaboratorPermission, agent_collaborators.permission);
    all!(DocumentType, agent_documents.kind);
    all!(GoalStatus, goals.status);
    all!(TaskStatus, tasks.status);
    all!(WorkerStatus, workers.status);
    all!(ApprovalType, approval_requests.kind);
    all!(ApprovalStatus, approval_requests.status);
    all!(ChatRole, chat_messages.role);
    all!(ChatSessionStatus, chat_sessions.status);
}

#[test]
fn the_same_names_occur_in_both_organisations() {
    let platform = demo::plan(now());
    let (acme, globex) = (org(&platform, "acme"), org(&platform, "globex"));
    macro_rules! same {
        ($table:ident . $column:ident) => {
            let names = |org_id| -> BTreeSet<String> {
                platform.$table.iter().filter(|row| row.org_id == org_id).map(|row| row.$column.clone()).collect()
            };
            assert!(names(globex).is_subset(&names(acme)), stringify!($table));
            assert!(names(globex).len() >= 4, stringify!($table));
        };
    }
    same!(teams.name);
    same!(agents.name);
    same!(workers.hostname);
    let names = |domain: &str| -> BTreeSet<&str> {
        platform.users.iter().filter(|row| row.email.ends_with(domain)).map(|row| row.name.as_str()).collect()
    };
    assert_eq!(names("@acme.example"), names("@globex.example"));
    assert_eq!(names("@acme.example").len(), 12);
}

#[test]
fn no_text_of_one_organisation_names_the_other() {
    let platform = demo::plan(now());
    let tables = tables(&platform);
    for (slug, other) in [("acme", "globex"), ("globex", "acme")] {
        let id = Value::from(org(&platform, slug));
        let mut seen = 0;
        for (table, rows) in &tables {
            for row in rows.iter().filter(|row| row.get("OrgId") == Some(&id)) {
                for (column, value) in row {
                    let named = text(value).is_some_and(|text| text.to_lowercase().contains(other));
                    assert!(!named, "{table}.{column} of {slug}: {value:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 20_000, "{seen}");
    }
}

#[test]
fn a_leak_would_show_whose_text_it_is() {
    let platform = demo::plan(now());
    let mut silent: BTreeMap<String, usize> = BTreeMap::new();
    let stored: BTreeMap<_, _> = tables(&platform).into_iter().collect();
    for organization in &platform.organizations {
        let id = Value::from(organization.id);
        for (table, columns) in [
            ("agents", &["SystemPrompt"][..]),
            ("goals", &["GoalText", "GoalTextFolded", "Plan"]),
            ("tasks", &["Payload", "Result", "Error"]),
            ("approval_requests", &["Payload", "Reason"]),
        ] {
            for row in stored[table].iter().filter(|row| row["OrgId"] == id) {
                for column in columns {
                    let Some(text) = text(&row[*column]) else { continue };
                    if !text.to_lowercase().contains(&organization.slug) {
                        *silent.entry(format!("{table}.{column}: {text}")).or_default() += 1;
                    }
                }
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn stored_json_is_json() {
    let platform = demo::plan(now());
    let columns = [
        ("organizations", "Config"),
        ("agents", "Config"),
        ("global_agents", "Config"),
        ("workers", "Capabilities"),
        ("goals", "Plan"),
        ("tasks", "Payload"),
        ("tasks", "Result"),
        ("approval_requests", "Payload"),
        ("chat_messages", "ToolCalls"),
        ("chat_messages", "ToolResults"),
        ("events", "Payload"),
    ];
    let tables: BTreeMap<_, _> = tables(&platform).into_iter().collect();
    for (table, column) in columns {
        let texts: Vec<&str> = tables[table].iter().filter_map(|row| text(&row[column])).collect();
        assert!(!texts.is_empty(), "{table}.{column}");
        for text in texts {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{table}.{column}: {text}");
            assert!(!text.contains('$') && !text.contains("null}"), "{table}.{column}: {text}");
        }
    }
}

#[test]
fn ids_tell_when_their_rows_were_made_and_nothing_is_later_than_now() {
    let platform = demo::plan(now());
    for (table, rows) in tables(&platform) {
        for row in rows {
            let times = row.iter().filter(|(column, _)| column.ends_with("At") && *column != "ExpiresAt");
            for (column, value) in times {
                if let Value::ChronoDateTimeUtc(Some(at)) = value {
                    assert!(*at <= now() && *at >= now() - TimeDelta::days(30), "{table}.{column} {at}");
                }
            }
            // An installed agent has the id of the platform's.
            if row.get("Visibility").and_then(text) == Some("GLOBAL") {
                continue;
            }
            if let (Some(Value::Uuid(Some(id))), Some(Value::ChronoDateTimeUtc(Some(at)))) =
                (row.get("Id"), row.get("CreatedAt"))
            {
                let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
                let made = DateTime::<Utc>::from_timestamp(i64::try_from(seconds).unwrap(), nanos).unwrap();
                assert_eq!(made.timestamp_millis(), at.timestamp_millis(), "{table}");
            }
        }
    }
}

#[test]
fn the_chains_hold() {
    let platform = demo::plan(now());
    for head in &platform.event_heads {
        let (mut hash, mut sequence, mut last) = (GENESIS.to_owned(), 0, None);
        let events: Vec<_> = platform.events.iter().filter(|row| row.org_id == head.org_id).collect();
        for (row, stored) in events.iter().zip(cells(&events.iter().map(|row| (*row).clone()).collect::<Vec<_>>())) {
            sequence += 1;
            assert_eq!(row.sequence, sequence);
            assert!(last < Some(row.id.uuid()), "ids sort as the log does");
            last = Some(row.id.uuid());
            hash = link(
                &hash,
                &EventFields {
                    org_id: row.org_id,
                    sequence,
                    id: row.id,
                    kind: &row.kind,
                    actor_user_id: row.actor_user_id,
                    subject_id: row.subject_id.as_deref(),
                    created_at: row.created_at,
                    payload_salt: text(&stored["PayloadSalt"]).unwrap(),
                    payload: text(&stored["Payload"]),
                },
            );
            assert_eq!(row.hash, hash);
        }
        assert_eq!((head.sequence, &head.hash), (sequence, &hash));
        assert!(sequence > 1_000);
    }
}

#[test]
fn tasks_agree_with_their_dependencies_and_their_goals() {
    let platform = demo::plan(now());
    let tasks: HashMap<_, _> = platform.tasks.iter().map(|row| (row.id, row)).collect();
    let goals: HashMap<_, _> = platform.goals.iter().map(|row| (row.id, row)).collect();
    for edge in &platform.task_dependencies {
        let (task, before) = (tasks[&edge.task_id], tasks[&edge.depends_on_id]);
        assert!(before.id < task.id, "no cycle");
        assert!(task.goal_id == edge.goal_id && before.goal_id == edge.goal_id);
        if let Some(started) = task.started_at {
            assert_eq!(before.status, TaskStatus::Completed);
            assert!(before.finished_at.unwrap() <= started);
        }
        let ready = before.status == TaskStatus::Completed;
        assert!(ready || matches!(task.status, TaskStatus::Created | TaskStatus::Pending | TaskStatus::Cancelled));
    }
    for task in &platform.tasks {
        let goal = goals[&task.goal_id];
        assert_eq!((task.org_id, task.agent_id), (goal.org_id, goal.agent_id));
        assert!(task.retries <= task.max_retries && task.created_at >= goal.created_at);
        assert!(task.updated_at >= task.created_at && task.finished_at.is_none_or(|at| at == task.updated_at));
        let over = matches!(task.status, TaskStatus::Completed | TaskStatus::DeadLetter | TaskStatus::Cancelled);
        assert_eq!(over, task.finished_at.is_some(), "{:?}", task.status);
        let settled = goal.completed_at.is_some();
        assert!(over || !settled, "{:?} in {:?}", task.status, goal.status);
        assert!(goal.completed_at.is_none_or(|at| task.finished_at.unwrap() <= at));
        if goal.status == GoalStatus::Completed {
            assert_eq!(task.status, TaskStatus::Completed);
        }
        let at_work = matches!(task.status, TaskStatus::Running | TaskStatus::Scheduled | TaskStatus::AwaitingApproval);
        assert!(task.worker_id.is_some() || !at_work);
        if let Some(worker) = task.worker_id {
            let worker = platform.workers.iter().find(|row| (row.org_id, row.id) == (task.org_id, worker)).unwrap();
            assert!(worker.capabilities.as_str().contains(&task.kind));
        }
    }
    for goal in &platform.goals {
        let has = tasks.values().any(|task| task.goal_id == goal.id);
        match goal.status {
            GoalStatus::Pending | GoalStatus::Planning | GoalStatus::AwaitingApproval | GoalStatus::Rejected => {
                assert!(!has)
            }
            GoalStatus::Running | GoalStatus::Completed => assert!(has),
            GoalStatus::Failed | GoalStatus::Cancelled => {}
        }
        let requests = platform.approval_requests.iter().filter(|row| row.goal_id == goal.id);
        let open = requests.filter(|row| row.status == ApprovalStatus::Pending && row.kind == ApprovalType::Plan);
        assert_eq!(open.count() == 1, goal.status == GoalStatus::AwaitingApproval);
    }
}

#[test]
fn goals_are_submitted_by_people_who_may_use_the_agent() {
    let platform = demo::plan(now());
    for goal in &platform.goals {
        let key = (goal.org_id, goal.agent_id);
        let agent = platform.agents.iter().find(|row| (row.org_id, row.id) == key).unwrap();
        let user = goal.submitted_by.unwrap();
        let member =
            platform.org_memberships.iter().find(|row| (row.org_id, row.user_id) == (goal.org_id, user)).unwrap();
        let teams: HashSet<_> = platform
            .team_memberships
            .iter()
            .filter(|row| (row.org_id, row.user_id) == (goal.org_id, user))
            .map(|row| row.team_id)
            .collect();
        let invited = platform.agent_collaborators.iter().any(|row| {
            (row.org_id, row.agent_id) == key
                && (row.user_id == Some(user) || row.team_id.is_some_and(|team| teams.contains(&team)))
        });
        let may = match agent.visibility {
            AgentVisibility::Global | AgentVisibility::Public => true,
            AgentVisibility::Team => teams.contains(&agent.team_id.unwrap()),
            AgentVisibility::Private => agent.owner_id == Some(user) || invited,
        };
        // An agent whose owner left was theirs while it was used.
        let left = agent.status == AgentStatus::Archived;
        assert!(may || left || member.role == OrgRole::Admin, "{} by {user}", agent.name);
        assert!(member.status == MembershipStatus::Active || goal.created_at < member.updated_at);
        assert!(agent.created_at <= goal.created_at && member.created_at <= goal.created_at);
    }
}

#[test]
fn the_logins_are_accounts_that_can_sign_in() {
    let platform = demo::plan(now());
    assert_eq!(platform.logins.len(), 9);
    for login in &platform.logins {
        let user = platform.users.iter().find(|row| row.email == login.email).unwrap();
        assert!(user.status == UserStatus::Active && user.password_hash.is_some(), "{}", login.email);
        assert_eq!(user.is_super_admin, login.role == "operator");
        let memberships = platform.org_memberships.iter().filter(|row| row.user_id == user.id);
        let active = memberships.filter(|row| row.status == MembershipStatus::Active);
        let orgs: Vec<OrgId> = active.map(|row| row.org_id).collect();
        match login.organization {
            Some(slug) => assert_eq!(orgs, [org(&platform, slug)]),
            None => assert_eq!(orgs.len(), if user.is_super_admin { 0 } else { 2 }),
        }
    }
}

#[test]
fn a_world_to_measure_in_has_the_size_that_was_asked_for() {
    let world = demo::bench_world(now(), 3_000);
    assert_eq!((world.tasks.len(), world.goals.len()), (6_000, 600));
}

/// A migrated SQLite file, and the folder that keeps it.
async fn sqlite() -> (tempfile::TempDir, Database, sea_orm::DatabaseConnection) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("palisade.db").display());
    let admin = sea_orm::Database::connect(&url).await.unwrap();
    migration::run(&admin, migration::Command::Up, &migration::Options::default()).await.unwrap();
    let limits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(5) };
    (folder, Database::open(&url, limits).unwrap(), admin)
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_seeded_sqlite_is_valid_quick_and_kept() {
    let (_folder, db, admin) = sqlite().await;
    assert!(!seed::is_demo(&db).await.unwrap());
    let begun = Instant::now();
    let platform = demo::plan(now());
    let planned = begun.elapsed();
    seed::insert(&db, &platform).await.unwrap();
    println!("planned in {planned:?}, inserted in {:?}", begun.elapsed() - planned);
    assert!(begun.elapsed() < Duration::from_secs(8), "it takes half a second when nothing else runs");
    assert!(seed::is_demo(&db).await.unwrap());
    let broken = Statement::from_string(admin.get_database_backend(), "PRAGMA foreign_key_check");
    assert!(admin.query_all_raw(broken).await.unwrap().is_empty());

    // A second start, at a later time, keeps what is there.
    let later = demo::plan(now() + TimeDelta::days(1));
    assert!(matches!(seed::insert(&db, &later).await, Err(Error::Conflict(_))));
    assert_eq!(number(&admin, "SELECT count(*) FROM tasks").await, 2_000);
    assert_eq!(number(&admin, "SELECT count(*) FROM platform_settings WHERE key = 'demo'").await, 1);
}

#[tokio::test]
async fn a_seed_that_was_interrupted_has_not_happened() {
    let (_folder, db, admin) = sqlite().await;
    let mut broken = demo::plan(now());
    // The last rows refer to an organisation that does not exist.
    broken.event_heads[0].org_id = OrgId::from_uuid(uuid::Uuid::nil());
    assert!(seed::insert(&db, &broken).await.is_err());
    assert!(!seed::is_demo(&db).await.unwrap());
    assert_eq!(number(&admin, "SELECT count(*) FROM users").await, 0);
    seed::insert(&db, &demo::plan(now())).await.unwrap();
    assert!(seed::is_demo(&db).await.unwrap());
}

#[tokio::test]
async fn a_seeded_postgres_is_valid_and_each_organisation_sees_its_half() {
    let database = postgres::cluster().await.create_database(None).await;
    let admin = sea_orm::Database::connect(database.url("postgres")).await.unwrap();
    migration::run(&admin, migration::Command::Up, &migration::Options::default()).await.unwrap();
    let platform = demo::plan(now());
    let begun = Instant::now();
    let transaction = admin.begin().await.unwrap();
    seed::write(&transaction, &platform).await.unwrap();
    transaction.commit().await.unwrap();
    println!("inserted in {:?}", begun.elapsed());
    assert_eq!(number(&admin, "SELECT count(*) FROM tasks").await, 2_000);

    let limits = PoolLimits { max_connections: 2, acquire_timeout: Duration::from_secs(5) };
    let db = Database::open(&database.url("postgres"), limits).unwrap();
    assert!(seed::is_demo(&db).await.unwrap());
    for organization in &platform.organizations {
        let tx = db.begin_read(palisade::store::db::Role::Tenant, Some(organization.id)).await.unwrap();
        assert_eq!(number(&tx, "SELECT count(*) FROM tasks").await, 1_000);
    }
    db.close().await;
    admin.close().await.unwrap();
}
