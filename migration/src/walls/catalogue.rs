//! What PostgreSQL's catalogue says now, as plain rows. Everything is about the schema `public`.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, Statement};

/// How the catalogue's readers here name the pseudo-role PUBLIC.
pub(super) const PUBLIC: &str = "PUBLIC";

async fn rows(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await
}

async fn read<T: FromQueryResult>(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<T>, DbErr> {
    rows(db, sql).await?.iter().map(|row| T::from_query_result(row, "")).collect()
}

async fn pairs(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<(String, String)>, DbErr> {
    rows(db, sql).await?.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// A relation that holds or shows rows.
#[derive(Debug, FromQueryResult)]
pub(super) struct Relation {
    pub name: String,
    /// `r` for a table; anything else is unexpected.
    pub kind: String,
    pub owner: String,
    pub secured: bool,
    pub forced: bool,
}

pub(super) async fn relations(db: &impl ConnectionTrait) -> Result<Vec<Relation>, DbErr> {
    read(
        db,
        "SELECT c.relname::text AS name, c.relkind::text AS kind, pg_get_userbyid(c.relowner)::text AS owner,
                c.relrowsecurity AS secured, c.relforcerowsecurity AS forced
         FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I', 't', 'c')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                           AND d.deptype = 'e')
         ORDER BY 1",
    )
    .await
}

pub(super) async fn forced_tables(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    Ok(relations(db).await?.into_iter().filter(|table| table.forced).map(|table| table.name).collect())
}

/// A row-level security policy.
#[derive(Debug, FromQueryResult)]
pub(super) struct LivePolicy {
    pub table: String,
    pub name: String,
    pub permissive: bool,
    pub command: String,
    /// Names in alphabetical order, with commas.
    pub roles: String,
    pub using: Option<String>,
    pub check: Option<String>,
}

pub(super) async fn policies(db: &impl ConnectionTrait) -> Result<Vec<LivePolicy>, DbErr> {
    read(
        db,
        "SELECT tablename::text AS table, policyname::text AS name, permissive = 'PERMISSIVE' AS permissive,
                cmd AS command, qual AS using, with_check AS check,
                (SELECT string_agg(role::text, ',' ORDER BY role::text COLLATE \"C\") FROM unnest(roles) role) AS roles
         FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2",
    )
    .await
}

pub(super) async fn policy_names(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    Ok(policies(db).await?.into_iter().map(|policy| (policy.table, policy.name)).collect())
}

/// A right that somebody holds on a table or one of its columns.
#[derive(Debug, FromQueryResult)]
pub(super) struct Acl {
    pub table: String,
    /// Null when the right is on the whole table.
    pub column: Option<String>,
    pub grantee: String,
    pub privilege: String,
    pub grantable: bool,
}

pub(super) async fn table_acls(db: &impl ConnectionTrait) -> Result<Vec<Acl>, DbErr> {
    read(
        db,
        "WITH tables AS (SELECT oid, relname, relacl FROM pg_class
                         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))
         SELECT t.relname::text AS table, NULL::text AS column, a.privilege_type AS privilege,
                a.is_grantable AS grantable,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS grantee
         FROM tables t, aclexplode(t.relacl) a
         UNION ALL
         SELECT t.relname::text, c.attname::text, a.privilege_type, a.is_grantable,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END
         FROM tables t JOIN pg_attribute c ON c.attrelid = t.oid AND NOT c.attisdropped, aclexplode(c.attacl) a",
    )
    .await
}

/// Table and name of every trigger and rule that is not a foreign key's.
pub(super) async fn triggers(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT c.relname::text, t.tgname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
         UNION ALL
         SELECT c.relname::text, r.rulename::text FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
         ORDER BY 1, 2",
    )
    .await
}

/// A function outside the system's schemas and no extension's.
#[derive(Debug, FromQueryResult)]
pub(super) struct Function {
    pub name: String,
    pub owner: String,
    pub body: String,
    pub definer: bool,
    pub volatility: String,
    pub configured: bool,
    /// Who may execute it besides the owner, in alphabetical order, with commas.
    pub grantees: String,
}

pub(super) async fn functions(db: &impl ConnectionTrait) -> Result<Vec<Function>, DbErr> {
    read(
        db,
        "SELECT p.oid::regprocedure::text AS name, pg_get_userbyid(p.proowner)::text AS owner, p.prosrc AS body,
                p.prosecdef AS definer, p.provolatile::text AS volatility, p.proconfig IS NOT NULL AS configured,
                (SELECT coalesce(string_agg(g.name, ',' ORDER BY g.name COLLATE \"C\"), '') FROM (
                   SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS name
                   FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                   WHERE a.grantee <> p.proowner) g) AS grantees
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                           AND d.deptype = 'e')
         ORDER BY 1",
    )
    .await
}

/// Table, name of the unique index, and the first of its columns.
#[derive(Debug, FromQueryResult)]
pub(super) struct Unique {
    pub table: String,
    pub name: String,
    pub first: Option<String>,
}

pub(super) async fn unique_keys(db: &impl ConnectionTrait) -> Result<Vec<Unique>, DbErr> {
    read(
        db,
        "SELECT t.relname::text AS table, i.relname::text AS name, a.attname::text AS first
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
         LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
         WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace ORDER BY 1, 2",
    )
    .await
}

/// A foreign key.
#[derive(Debug, FromQueryResult)]
pub(super) struct ForeignKey {
    pub table: String,
    pub name: String,
    pub target: String,
    /// First column of the referring side.
    pub first: String,
    pub columns: i64,
    /// `a` for NO ACTION, on DELETE then on UPDATE.
    pub actions: String,
    pub validated: bool,
}

pub(super) async fn foreign_keys(db: &impl ConnectionTrait) -> Result<Vec<ForeignKey>, DbErr> {
    read(
        db,
        "SELECT t.relname::text AS table, k.conname::text AS name, f.relname::text AS target, a.attname::text AS first,
                cardinality(k.conkey)::bigint AS columns, k.confdeltype::text || k.confupdtype::text AS actions,
                k.convalidated AS validated
         FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
         WHERE k.contype = 'f' AND t.relnamespace = 'public'::regnamespace ORDER BY 1, 2",
    )
    .await
}

/// A database role.
#[derive(Debug, FromQueryResult)]
pub(super) struct LiveRole {
    pub name: String,
    /// Rights that none of ours should have, with commas; empty when all is well.
    pub powers: String,
    /// Roles that it is a member of, with commas.
    pub member_of: String,
}

pub(super) async fn roles(db: &impl ConnectionTrait) -> Result<Vec<LiveRole>, DbErr> {
    let names = super::roles::names().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    read(
        db,
        &format!(
            "SELECT r.rolname::text AS name, concat_ws(',', CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
                    CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
                    CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
                    CASE WHEN r.rolreplication THEN 'REPLICATION' END) AS powers,
                    (SELECT coalesce(string_agg(pg_get_userbyid(m.roleid)::text, ','), '') FROM pg_auth_members m
                     WHERE m.member = r.oid) AS member_of
             FROM pg_roles r WHERE r.rolname IN ({names}) ORDER BY 1"
        ),
    )
    .await
}

/// Who may use or create in the schema besides its owner: grantee and right.
pub(super) async fn schema_acls(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type
         FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
         WHERE n.nspname = 'public' AND a.grantee <> n.nspowner ORDER BY 1, 2",
    )
    .await
}

/// Table and name of every column.
pub(super) async fn columns(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY 1, 2",
    )
    .await
}

/// What somebody would hold on a thing that is made later, besides whoever makes it: grantee and right.
pub(super) async fn default_acls(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type
         FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole ORDER BY 1, 2",
    )
    .await
}

/// Who may make something in the database, if only for a session, besides its owner: grantee and right.
pub(super) async fn database_acls(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type
         FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
         WHERE d.datname = current_database() AND a.privilege_type <> 'CONNECT' AND a.grantee <> d.datdba ORDER BY 1, 2",
    )
    .await
}

/// Whether this login may change the rights on the database.
pub(super) async fn owns_database(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql =
        "SELECT 1 FROM pg_database WHERE datname = current_database() AND pg_has_role(session_user, datdba, 'USAGE')";
    Ok(!rows(db, sql).await?.is_empty())
}

/// What holds rows outside the schema, and who of ours may use it there: the way to a copy, or past the policies.
pub(super) async fn elsewhere(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    let names = super::roles::names().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    pairs(
        db,
        &format!(
            "SELECT n.nspname || '.' || c.relname, r.rolname::text
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r
             WHERE n.nspname NOT IN ('public', 'pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp\\_%'
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND r.rolname IN ({names})
               AND has_schema_privilege(r.oid, n.oid, 'USAGE')
               AND (has_table_privilege(r.oid, c.oid, 'SELECT') OR has_any_column_privilege(r.oid, c.oid, 'SELECT'))
             ORDER BY 1, 2"
        ),
    )
    .await
}

/// Publication and table: rows on their way to another server, policies or not.
pub(super) async fn publications(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    pairs(
        db,
        "SELECT pubname::text, tablename::text FROM pg_publication_tables WHERE schemaname = 'public' ORDER BY 1, 2",
    )
    .await
}
