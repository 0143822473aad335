//! Invariant: the entities and the two databases agree on every table, column, type and nullability, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait as _, ColumnType, EntityTrait, IdenStatic as _, Iterable as _};

use crate::support::World;

/// Columns that no entity has, each with its reason.
const NOT_IN_ENTITIES: &[(&str, &str)] = &[
    // Computed, so that a foreign key keeps super-admins out of organisations; nobody reads it.
    ("org_memberships", "user_is_super_admin"),
    ("seaql_migrations", "version"),
    ("seaql_migrations", "applied_at"),
];

type Columns = BTreeMap<(String, String), (&'static str, bool)>;

fn describe<E: EntityTrait>(into: &mut Columns) {
    for column in E::Column::iter() {
        let def = column.def();
        let kind = match def.get_column_type() {
            ColumnType::Uuid => "uuid",
            ColumnType::Text | ColumnType::String(_) => "text",
            ColumnType::Integer => "int",
            ColumnType::BigInteger => "bigint",
            ColumnType::Boolean => "bool",
            ColumnType::TimestampWithTimeZone => "time",
            other => panic!("{}.{}: {other:?}", E::default().table_name(), column.as_str()),
        };
        into.insert((E::default().table_name().to_owned(), column.as_str().to_owned()), (kind, def.is_null()));
    }
}

macro_rules! describe_all {
    ($($module:ident),* $(,)?) => {{
        let mut columns = Columns::new();
        $(describe::<entity::$module::Entity>(&mut columns);)*
        columns
    }};
}

fn entities() -> Columns {
    let columns = describe_all!(
        agent,
        agent_admin,
        agent_collaborator,
        agent_document,
        approval_decision,
        approval_request,
        budget,
        chat_message,
        chat_session,
        email_change,
        event,
        event_head,
        execution,
        global_agent,
        global_agent_document,
        goal,
        invitation,
        llm_usage,
        login_throttle,
        mail_outbox,
        one_time_token,
        org_membership,
        organization,
        organization_issuer,
        platform_event,
        platform_setting,
        refresh_token,
        service_account,
        service_account_agent,
        session,
        signing_key,
        task,
        task_dependency,
        team,
        team_membership,
        usage_day,
        user,
        user_identity,
        worker,
        workspace_file,
        workspace_usage,
    );
    let listed: BTreeSet<_> = entity::tables()
        .iter()
        .flat_map(|table| table.columns.iter().map(|(column, _)| (table.name.to_owned(), (*column).to_owned())))
        .collect();
    assert_eq!(columns.keys().cloned().collect::<BTreeSet<_>>(), listed, "an entity is missing from this test");
    columns
}

async fn live(world: &World) -> Columns {
    let sql = if world.is_postgres() {
        "SELECT table_name::text AS t, column_name::text AS c, data_type::text AS kind,
                CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END AS empty
         FROM information_schema.columns WHERE table_schema = 'public'"
    } else {
        "SELECT m.name AS t, x.name AS c, x.type AS kind, CASE x.\"notnull\" WHEN 1 THEN 0 ELSE 1 END AS empty
         FROM sqlite_master m, pragma_table_xinfo(m.name) x WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
    };
    let mut columns = Columns::new();
    for row in world.rows(sql).await {
        let text = |name| row.try_get::<String>("", name).unwrap();
        if NOT_IN_ENTITIES.contains(&(text("t").as_str(), text("c").as_str())) {
            continue;
        }
        let kind = match text("kind").to_lowercase().as_str() {
            "uuid" | "uuid_text" => "uuid",
            "text" => "text",
            "integer" => "int",
            "bigint" => "bigint",
            "boolean" => "bool",
            "timestamp with time zone" | "timestamp_with_timezone_text" => "time",
            other => panic!("{}.{}: {other}", text("t"), text("c")),
        };
        columns.insert((text("t"), text("c")), (kind, row.try_get::<i32>("", "empty").unwrap() == 1));
    }
    columns
}

#[tokio::test]
async fn the_entities_and_both_catalogues_agree() {
    for world in World::both().await {
        world.up().await;
        let (mut wanted, live) = (entities(), live(&world).await);
        if !world.is_postgres() {
            // SQLite's integers have one size.
            wanted.values_mut().filter(|(kind, _)| *kind == "bigint").for_each(|(kind, _)| *kind = "int");
        }
        let wrong: Vec<_> = wanted.iter().filter(|(name, shape)| live.get(*name) != Some(shape)).collect();
        assert!(wrong.is_empty(), "not so in the database: {wrong:#?}");
        let unknown: Vec<_> = live.keys().filter(|name| !wanted.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "no entity has: {unknown:?}");
    }
}

#[tokio::test]
async fn words_are_those_of_the_enums() {
    use entity::enums::*;
    let world = World::sqlite().await;
    world.up().await;
    let tables: String = world
        .rows("SELECT sql FROM sqlite_master WHERE type = 'table'")
        .await
        .iter()
        .map(|row| row.try_get_by_index::<String>(0).unwrap())
        .collect();
    let list = |words: Vec<&str>| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    macro_rules! check {
        ($($name:ident),* $(,)?) => {$(
            let words = list($name::ALL.iter().map(|word| word.as_str()).collect());
            assert!(tables.contains(&format!("IN ({words})")), "{}: {words}", stringify!($name));
        )*};
    }
    check!(
        UserStatus,
        OrganizationStatus,
        OrgRole,
        MembershipStatus,
        InvitationStatus,
        TeamRole,
        AgentVisibility,
        AgentStatus,
        CollaboratorPermission,
        DocumentType,
        GoalStatus,
        TaskStatus,
        WorkerStatus,
        ApprovalType,
        ApprovalStatus,
        ChatRole,
        ChatSessionStatus,
        OneTimeTokenPurpose,
    );
}

#[tokio::test]
async fn text_sorts_by_bytes_and_times_by_time_on_both() {
    for world in World::both().await {
        world.up().await;
        if world.is_postgres() {
            let other = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'
                         AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
            assert_eq!(world.number(other).await, 0);
        }
        let times = [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000001Z",
            "2026-01-01T00:00:00.001Z",
            "2026-01-01T00:00:00.001001Z",
            "2026-01-01T00:00:00.01Z",
            "2026-01-01T00:00:01Z",
        ];
        let mut names = vec![];
        for (n, time) in times.into_iter().enumerate().rev() {
            let time: chrono::DateTime<chrono::Utc> = time.parse().unwrap();
            let name = ["Z", "a", "É", "é", "B", "b"][n];
            names.push(name);
            let values = [uuid::Uuid::now_v7().into(), n.to_string().into(), name.into(), time.into()];
            let sql = "INSERT INTO users (id, email, name, name_folded, status, created_at, updated_at)
                       VALUES ($1, $2, $3, $3, 'ACTIVE', $4, $4)";
            world.execute(sql, values).await;
        }
        let read = async |order: &str| -> Vec<String> {
            let rows = world.rows(&format!("SELECT email, name FROM users ORDER BY {order}")).await;
            rows.iter().map(|row| row.try_get_by_index(usize::from(order == "name")).unwrap()).collect()
        };
        assert_eq!(read("created_at").await, ["0", "1", "2", "3", "4", "5"]);
        names.sort_unstable();
        assert_eq!(read("name").await, names);
    }
}
