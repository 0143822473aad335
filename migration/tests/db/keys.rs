//! Invariant: the keys alone, on both databases and whoever asks, keep organisations apart and rows consistent.

use crate::support::World;

const NOW: &str = "'2026-01-01T00:00:00+00:00'";

/// Two organisations with a member each, and what they own. Ids are small numbers.
pub async fn two_organisations(world: &World) {
    world.up().await;
    for org in [1, 2] {
        world.run(&format!("INSERT INTO organizations (id, name, name_folded, slug, status, config, created_at, updated_at) VALUES ({org}#, 'Org', 'org', 'org{org}', 'ACTIVE', 'secret {org}', {NOW}, {NOW})")).await.unwrap();
        let user = org * 10 + 1;
        world.run(&format!("INSERT INTO users (id, email, name, name_folded, status, created_at, updated_at) VALUES ({user}#, 'u{user}', 'U', 'u', 'ACTIVE', {NOW}, {NOW})")).await.unwrap();
        world.run(&format!("INSERT INTO org_memberships (org_id, id, user_id, role, status, created_at, updated_at) VALUES ({org}#, {user}#, {user}#, 'ADMIN', 'ACTIVE', {NOW}, {NOW})")).await.unwrap();
        world.run(&format!("INSERT INTO teams (org_id, id, name, name_folded, slug, description, created_at, updated_at) VALUES ({org}#, {org}2#, 'T', 't', 't', '', {NOW}, {NOW})")).await.unwrap();
        world.run(&agent(org, &format!("{org}3"), "PRIVATE", "NULL", &format!("{user}#"), "'be kind'")).await.unwrap();
        world.run(&goal(org, &format!("{org}4"), &format!("{org}3"), &user.to_string())).await.unwrap();
        world.run(&format!("INSERT INTO events (org_id, id, sequence, type, payload, payload_salt, hash, created_at) VALUES ({org}#, {org}5#, 1, 'a.b', 'content', 's', 'h', {NOW})")).await.unwrap();
        world.run(&format!("INSERT INTO event_heads (org_id, sequence, hash) VALUES ({org}#, 1, 'h')")).await.unwrap();
        world.run(&format!("INSERT INTO invitations (org_id, id, email, role, status, first_admin, token_hash, expires_at, created_at) VALUES ({org}#, {org}6#, 'e', 'MEMBER', 'PENDING', FALSE, 'hash', {NOW}, {NOW})")).await.unwrap();
    }
}

pub fn agent(org: i32, id: &str, visibility: &str, team: &str, owner: &str, prompt: &str) -> String {
    format!(
        "INSERT INTO agents (org_id, id, name, name_folded, description, status, visibility, chat_capable, owner_id, team_id, system_prompt, required_approvals, require_plan_approval, created_at, updated_at) VALUES ({org}#, {id}#, 'A', 'a', '', 'ACTIVE', '{visibility}', FALSE, {owner}, {team}, {prompt}, 1, FALSE, {NOW}, {NOW})"
    )
}

pub fn goal(org: i32, id: &str, agent: &str, by: &str) -> String {
    format!(
        "INSERT INTO goals (org_id, id, agent_id, submitted_by, status, priority, goal_text, goal_text_folded, created_at, updated_at) VALUES ({org}#, {id}#, {agent}#, {by}#, 'PENDING', 0, 'content', 'content', {NOW}, {NOW})"
    )
}

fn memberless(org: i32, table: &str, columns: &str, values: &str) -> String {
    format!("INSERT INTO {table} (org_id, id, {columns}, created_at) VALUES ({org}#, 99#, {values}, {NOW})")
}

#[tokio::test]
async fn a_reference_across_organisations_cannot_be_stored() {
    for world in World::both().await {
        two_organisations(&world).await;
        let refused = [
            // Another organisation's agent, member, team; a user without a membership here.
            goal(1, "90", "23", "11"),
            goal(1, "90", "13", "21"),
            agent(1, "90", "TEAM", "22#", "NULL", "NULL"),
            agent(1, "90", "PRIVATE", "NULL", "21#", "NULL"),
            memberless(1, "team_memberships", "team_id, user_id, role", "12#, 21#, 'MEMBER'"),
            memberless(1, "team_memberships", "team_id, user_id, role", "22#, 11#, 'MEMBER'"),
            memberless(1, "agent_collaborators", "agent_id, user_id, permission", "13#, 21#, 'USE'"),
            memberless(1, "agent_collaborators", "agent_id, team_id, permission", "13#, 22#, 'USE'"),
            memberless(1, "agent_admins", "agent_id, user_id", "23#, 11#"),
            memberless(1, "agent_admins", "agent_id, user_id", "13#, 21#"),
            // No organisation at all.
            memberless(3, "agent_admins", "agent_id, user_id", "13#, 11#"),
            // Moving a row takes its references with it.
            "UPDATE goals SET org_id = 2# WHERE id = 14#".to_owned(),
            // Whoever is referred to stays.
            "DELETE FROM org_memberships WHERE user_id = 11#".to_owned(),
            "DELETE FROM agents WHERE id = 13#".to_owned(),
        ];
        for sql in refused {
            let error = world.run(&sql).await.expect_err(&sql).to_string();
            assert!(error.to_lowercase().contains("foreign key"), "{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn rows_that_contradict_themselves_cannot_be_stored() {
    for world in World::both().await {
        two_organisations(&world).await;
        let refused = [
            agent(1, "90", "TEAM", "NULL", "NULL", "NULL"),
            agent(1, "90", "PUBLIC", "12#", "NULL", "NULL"),
            agent(1, "90", "GLOBAL", "NULL", "11#", "NULL"),
            agent(1, "90", "GLOBAL", "NULL", "NULL", "'mine'"),
            agent(1, "90", "SECRET", "NULL", "NULL", "NULL"),
            memberless(1, "agent_collaborators", "agent_id, permission", "13#, 'USE'"),
            memberless(1, "agent_collaborators", "agent_id, user_id, team_id, permission", "13#, 11#, 12#, 'USE'"),
            "UPDATE agents SET required_approvals = 0 WHERE id = 13#".to_owned(),
            "UPDATE goals SET status = 'pending' WHERE id = 14#".to_owned(),
            "UPDATE users SET status = 'GONE' WHERE id = 11#".to_owned(),
        ];
        for sql in refused {
            let error = world.run(&sql).await.expect_err(&sql).to_string();
            assert!(error.to_lowercase().contains("check"), "{sql}: {error}");
        }
        world.run(&agent(1, "90", "GLOBAL", "NULL", "NULL", "NULL")).await.unwrap();
        world.run(&agent(1, "91", "TEAM", "12#", "NULL", "NULL")).await.unwrap();
    }
}

#[tokio::test]
async fn one_organisations_keys_never_meet_anothers() {
    for world in World::both().await {
        two_organisations(&world).await;
        // The same id, slug, token, sequence in another organisation: no conflict that would tell of the other's row.
        world.run(&agent(2, "13", "PUBLIC", "NULL", "NULL", "NULL")).await.unwrap();
        let twice = [
            agent(1, "13", "PUBLIC", "NULL", "NULL", "NULL"),
            "UPDATE teams SET slug = 't2' WHERE org_id = 1#".to_owned(),
            "INSERT INTO event_heads (org_id, sequence, hash) VALUES (1#, 2, 'h')".to_owned(),
        ];
        for (n, sql) in twice.iter().enumerate() {
            assert_eq!(world.run(sql).await.is_ok(), n == 1, "{sql}");
        }
    }
}

#[tokio::test]
async fn a_super_admin_is_no_member_and_a_member_no_super_admin() {
    for world in World::both().await {
        two_organisations(&world).await;
        assert!(world.run("UPDATE users SET is_super_admin = TRUE WHERE id = 11#").await.is_err());
        world.run(&format!("INSERT INTO users (id, email, name, name_folded, status, is_super_admin, created_at, updated_at) VALUES (30#, 'root', 'R', 'r', 'ACTIVE', TRUE, {NOW}, {NOW})")).await.unwrap();
        let join = format!(
            "INSERT INTO org_memberships (org_id, id, user_id, role, created_at, updated_at) VALUES (1#, 30#, 30#, 'MEMBER', {NOW}, {NOW})"
        );
        assert!(world.run(&join).await.is_err());
        // Whoever left is free to become one; to come back is not.
        world.run("UPDATE org_memberships SET status = 'LEFT' WHERE user_id = 11#").await.unwrap();
        world.run("UPDATE users SET is_super_admin = TRUE WHERE id = 11#").await.unwrap();
        assert!(world.run("UPDATE org_memberships SET status = 'ACTIVE' WHERE user_id = 11#").await.is_err());
        assert!(world.run("UPDATE org_memberships SET status = 'PENDING' WHERE user_id = 11#").await.is_err());
    }
}

#[tokio::test]
async fn a_membership_is_pending_unless_somebody_says_otherwise() {
    for world in World::both().await {
        two_organisations(&world).await;
        let join = format!(
            "INSERT INTO org_memberships (org_id, id, user_id, role, created_at, updated_at) VALUES (1#, 30#, 21#, 'ADMIN', {NOW}, {NOW})"
        );
        world.run(&join).await.unwrap();
        let status =
            world.rows(&world.sql_of("SELECT status FROM org_memberships WHERE org_id = 1# AND user_id = 21#")).await;
        assert_eq!(status[0].try_get_by_index::<String>(0).unwrap(), "PENDING");
    }
}

#[tokio::test]
async fn every_reference_and_the_visibility_rules_find_an_index() {
    let world = World::postgres().await;
    world.up().await;
    // Every foreign key's referring columns are the beginning of some index, or a delete would read the whole table.
    let unindexed = world
        .rows(
            "SELECT k.conrelid::regclass::text, k.conname::text FROM pg_constraint k
             WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid
                 AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
             ORDER BY 2",
        )
        .await;
    let names: Vec<String> = unindexed.iter().map(|row| row.try_get_by_index(1).unwrap()).collect();
    // Platform rows that these name are never deleted.
    let never_deleted = |name: &String| {
        [
            "actor_user_id_fkey",
            "requested_by_fkey",
            "invited_by_fkey",
            "_user_is_super_admin_fkey",
            "sessions_org_id_fkey",
        ]
        .iter()
        .any(|end| name.ends_with(end))
    };
    let unexpected: Vec<_> = names.iter().filter(|name| !never_deleted(name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
