//! Invariant: the demo platform is one that the API itself could have made. It is what was promised in size, the same for
//! the same time, free of contradictions, and neither organisation's rows know of the other.

mod stored;
mod story;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::{
        AgentStatus, AgentVisibility, ApprovalStatus, ApprovalType, ChatRole, ChatSessionStatus,
        CollaboratorPermission, Decided, DocumentType, GoalStatus, InvitationStatus, MembershipStatus, OrgRole,
        TaskStatus, TeamRole, UserStatus, WorkerStatus,
    },
    event_chain::{EventFields, GENESIS, link},
    ids::{OrgId, TypedId, UserId},
};
use palisade::demo::{self, DemoPlatform};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Iterable, ModelTrait, Value};

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
        service_accounts,
        service_account_agents,
        workers,
        goals,
        workspace_files,
        workspace_usage,
        agent_documents,
        tasks,
        task_dependencies,
        executions,
        approval_requests,
        approval_decisions,
        chat_sessions,
        chat_messages,
        llm_usage,
        usage_days,
        budgets,
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

/// The platform at several times, and a larger one: chance falls differently in each.
fn worlds() -> Vec<DemoPlatform> {
    let mut worlds: Vec<_> = [0, 1, 86_400 * 200 + 7].map(|later| demo::plan(now() + TimeDelta::seconds(later))).into();
    worlds.push(demo::bench_world(now(), 2_000));
    worlds
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
    worlds().iter().for_each(all_states);
}

fn all_states(platform: &DemoPlatform) {
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
    all!(Decided, approval_decisions.decision);
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
            ("executions", &["Code", "CodeOutput", "ShellOutput", "FileContents"]),
            ("approval_requests", &["Payload", "Reason"]),
            ("approval_decisions", &["Comment"]),
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
        ("service_accounts", "Scopes"),
        ("goals", "Plan"),
        ("tasks", "Payload"),
        ("tasks", "Result"),
        ("executions", "FileContents"),
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
    for (table, rows) in tables(&platform).into_iter().chain(tables(&demo::bench_world(now(), 2_000))) {
        for row in rows {
            let times = row.iter().filter(|(column, _)| column.ends_with("At"));
            for (column, value) in times {
                if let Value::ChronoDateTimeUtc(Some(at)) = value {
                    assert_eq!(at.timestamp_subsec_nanos() % 1_000, 0, "{table}.{column} {at}");
                    let later = column == "ExpiresAt" && *at <= now() + TimeDelta::days(7);
                    assert!((later || *at <= now()) && *at >= now() - TimeDelta::days(30), "{table}.{column} {at}");
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
                    actor_service_account_id: row.actor_service_account_id,
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
fn the_logins_are_accounts_that_can_sign_in() {
    let platform = demo::plan(now());
    assert_eq!(platform.logins.len(), 9);
    for login in &platform.logins {
        let user = platform.users.iter().find(|row| row.email == login.email).unwrap();
        assert!(user.status == UserStatus::Active && user.password_hash.is_some(), "{}", login.email);
        assert_eq!(user.is_super_admin, login.role == "Operator");
        let memberships = platform.org_memberships.iter().filter(|row| row.user_id == user.id);
        let active = memberships.filter(|row| row.status == MembershipStatus::Active);
        let orgs: Vec<OrgId> = active.map(|row| row.org_id).collect();
        match login.organization {
            Some(name) => assert_eq!(orgs, [org(&platform, &name.to_lowercase())]),
            None => assert_eq!(orgs.len(), if user.is_super_admin { 0 } else { 2 }),
        }
    }
}

#[test]
fn the_keys_are_those_of_the_service_accounts_made_by_an_active_admin() {
    let platform = demo::plan(now());
    let roles: Vec<&str> = platform.keys.iter().map(|key| key.role.as_str()).collect();
    assert_eq!(roles, ["Acme worker", "Acme planner", "Globex worker", "Globex planner"]);
    for (shown, account) in platform.keys.iter().zip(&platform.service_accounts) {
        let parsed = palisade::auth::ServiceKey::parse(&shown.key).unwrap();
        assert_eq!((parsed.org_id, parsed.id), (account.org_id, account.id));
        assert_eq!(palisade::auth::opaque::hash(&shown.key), account.key_hash.expose());
        let admin = platform.org_memberships.iter().any(|row| {
            (row.org_id, row.user_id, row.role, row.status)
                == (account.org_id, account.created_by, OrgRole::Admin, MembershipStatus::Active)
        });
        assert!(admin, "{}", shown.role);
    }
}

#[test]
fn a_world_to_measure_in_has_the_size_that_was_asked_for() {
    let world = demo::bench_world(now(), 3_000);
    assert_eq!((world.tasks.len(), world.goals.len()), (6_000, 600));
}
