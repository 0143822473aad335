//! Makes the walls: roles' rights are taken away and given anew, so that what drifted is repaired.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, DbErr};

use super::{
    ORG_FUNCTION_BODY, all_tables, catalogue,
    grants::{Privilege, expected_grants},
    policies::{expected_policies, secured_tables},
    roles::{OWNER, Role},
};

/// Applies all policies and grants, in the caller's transaction and as the owner of the tables.
///
/// Idempotent, and repairing: it drops policies it does not know, and revokes every right that somebody other than the
/// owner holds on a table or column before it grants the right ones. All in one message, whatever the number of tables.
/// What it did not make and cannot judge, such as a trigger, it leaves to [`check()`](super::check()) to report.
pub async fn apply(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut sql = String::new();
    function(&mut sql);
    for (table, policy) in catalogue::policy_names(db).await? {
        push(&mut sql, format_args!("DROP POLICY {} ON {}", quote(&policy), quote(&table)));
    }
    for table in secured_tables() {
        push(&mut sql, format_args!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"));
    }
    for policy in expected_policies() {
        let roles = policy.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let check = policy.check.map(|check| format!(" WITH CHECK ({check})")).unwrap_or_default();
        push(
            &mut sql,
            format_args!(
                "CREATE POLICY {} ON {} AS PERMISSIVE FOR {} TO {roles} USING ({}){check}",
                policy.name,
                policy.table,
                policy.command.as_str(),
                policy.using
            ),
        );
    }
    revoke(db, &mut sql).await?;
    grant(&mut sql);
    db.execute_unprepared(&sql).await.map(drop)
}

/// Lifts FORCE from every table that has it, and names them, for a migration that has to see the rows: FORCE blinds the
/// owner, too, who would change no row and say nothing. [`apply()`] puts it back in the same transaction; where the schema
/// ends below what [`apply()`] knows, [`force`] does.
pub async fn lift(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let tables = catalogue::forced_tables(db).await?;
    alter(db, &tables, "NO FORCE").await?;
    Ok(tables)
}

/// Puts FORCE back on those of the tables that still exist.
pub async fn force(db: &impl ConnectionTrait, tables: &[String]) -> Result<(), DbErr> {
    let live = catalogue::relations(db).await?;
    let left: Vec<_> = tables.iter().filter(|name| live.iter().any(|table| table.name == **name)).cloned().collect();
    alter(db, &left, "FORCE").await
}

async fn alter(db: &impl ConnectionTrait, tables: &[String], how: &str) -> Result<(), DbErr> {
    let mut sql = String::new();
    for table in tables {
        push(&mut sql, format_args!("ALTER TABLE {} {how} ROW LEVEL SECURITY", quote(table)));
    }
    if sql.is_empty() { Ok(()) } else { db.execute_unprepared(&sql).await.map(drop) }
}

fn function(sql: &mut String) {
    let roles = Role::ALL.map(Role::name).join(", ");
    push(
        sql,
        format_args!(
            "CREATE OR REPLACE FUNCTION palisade_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER \
             AS $palisade${ORG_FUNCTION_BODY}$palisade$"
        ),
    );
    push(sql, format_args!("ALTER FUNCTION palisade_org() RESET ALL"));
    push(sql, format_args!("REVOKE ALL ON FUNCTION palisade_org() FROM PUBLIC"));
    push(sql, format_args!("GRANT EXECUTE ON FUNCTION palisade_org() TO {roles}"));
    push(sql, format_args!("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"));
}

/// `REVOKE ALL` on a table takes its columns' grants, too.
async fn revoke(db: &impl ConnectionTrait, sql: &mut String) -> Result<(), DbErr> {
    let mut grantees = BTreeMap::<String, Vec<String>>::new();
    for acl in catalogue::table_acls(db).await? {
        if acl.grantee != OWNER {
            let who = if acl.grantee == catalogue::PUBLIC { acl.grantee } else { quote(&acl.grantee) };
            let list = grantees.entry(acl.table).or_default();
            if !list.contains(&who) {
                list.push(who);
            }
        }
    }
    for (table, who) in grantees {
        push(sql, format_args!("REVOKE ALL ON TABLE {} FROM {} CASCADE", quote(&table), who.join(", ")));
    }
    Ok(())
}

fn grant(sql: &mut String) {
    let known = all_tables();
    for grant in expected_grants() {
        let (privilege, table, role) = (grant.privilege.as_str(), &grant.table, &grant.role);
        if grant.privilege == Privilege::Delete {
            push(sql, format_args!("GRANT {privilege} ON TABLE {table} TO {role}"));
        } else {
            // In the order of declaration, for whoever reads the statement in a log.
            let order = known.iter().find(|known| known.name == grant.table);
            let columns = order.into_iter().flat_map(|table| table.columns.iter().map(|(name, _)| *name));
            let columns =
                columns.filter(|name| grant.columns.contains(*name)).map(quote).collect::<Vec<_>>().join(", ");
            push(sql, format_args!("GRANT {privilege} ({columns}) ON TABLE {table} TO {role}"));
        }
    }
}

fn push(sql: &mut String, statement: std::fmt::Arguments<'_>) {
    // Writing into a String does not fail.
    let _ = writeln!(sql, "{statement};");
}

/// A name as SQL: columns such as `type` are words of the language, and a drifted name may be anything.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
