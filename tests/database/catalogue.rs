//! PostgreSQL's catalogue, read by questions of this file's own, says what the entities' classes say.

use entity::table::{Class, TableClass};

use super::{
    IDENTITY, OPERATOR, ROLES, SYSTEM, TENANT, Walls,
    classes::{IDENTITY_READS, OPERATOR_WRITES, deletes, inserts, reads, updates},
    tenant_tables,
};

/// The only exception to whatever is said of all columns: computed, and nobody's.
const COMPUTED: &str = "org_memberships.user_is_super_admin";

#[tokio::test]
async fn every_tenant_table_has_forced_row_security_and_exactly_these_policies() {
    let walls = Walls::new().await;
    let live = walls
        .seen(
            "SELECT c.relname || ' ' || p.polname || ' ' || CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END
                    || ' ' || p.polcmd::text || ' '
                    || (SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ',' ORDER BY r.rolname)
                        FROM unnest(p.polroles) o (id) LEFT JOIN pg_roles r ON r.oid = o.id)
                    || ' ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '-')
                    || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-')
             FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid",
        )
        .await;
    const OWN: &str = "(org_id = palisade_org())";
    let mut wanted = vec![
        format!("organizations own_row permissive * {TENANT} (id = palisade_org()) (id = palisade_org())"),
        format!("organizations others permissive * {IDENTITY},{OPERATOR},{SYSTEM} true true"),
        format!("org_memberships identity_touches permissive w {IDENTITY} true true"),
    ];
    for table in tenant_tables() {
        let t = table.name;
        let who = if OPERATOR_WRITES.contains(&t) {
            format!("{OPERATOR},{SYSTEM},{TENANT}")
        } else {
            format!("{SYSTEM},{TENANT}")
        };
        wanted.push(format!("{t} tenant_rows permissive * {who} {OWN} {OWN}"));
        wanted.push(format!("{t} operator_reads permissive r {OPERATOR} true -"));
        if IDENTITY_READS.contains(&t) {
            wanted.push(format!("{t} identity_reads permissive r {IDENTITY} true -"));
        }
    }
    let (mut live, mut wanted) = (live, wanted);
    live.sort();
    wanted.sort();
    assert_eq!(live, wanted);
    // What they ask is the transaction's setting, and null without one.
    let body = walls.one("SELECT prosrc FROM pg_proc WHERE proname = 'palisade_org'").await;
    assert_eq!(body, "SELECT nullif(current_setting('palisade.org_id', true), '')::uuid");

    let mut secured: Vec<_> = tenant_tables().iter().map(|table| table.name.to_owned()).collect();
    secured.push("organizations".to_owned());
    secured.sort();
    for flag in ["relrowsecurity", "relforcerowsecurity", "relrowsecurity AND relforcerowsecurity"] {
        let sql = format!("SELECT relname::text FROM pg_class WHERE {flag} ORDER BY relname COLLATE \"C\"");
        assert_eq!(walls.seen(&sql).await, secured, "{flag}");
    }
}

/// What each role may do with each column, as PostgreSQL itself would decide it: by grants, PUBLIC and memberships together.
#[tokio::test]
async fn what_roles_may_do_with_columns_is_what_their_classes_say() {
    let walls = Walls::new().await;
    let (mut wrong, mut held) = (Vec::new(), 0);
    for table in entity::tables() {
        let t = table.name;
        let live = walls
            .seen(&format!(
                "SELECT r.name || ' ' || a.attname || ' ' || p.name || ' ' || has_column_privilege(r.name, '{t}', a.attname, p.name)
                 FROM pg_attribute a, unnest(ARRAY['{}']) r (name),
                      unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (name)
                 WHERE a.attrelid = '{t}'::regclass AND a.attnum > 0 AND NOT a.attisdropped",
                ROLES.join("','")
            ))
            .await;
        for line in live {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap();
            let (role, column, privilege, has) = (word(), word(), word(), word() == "true");
            let Some((_, class)) = table.columns.iter().find(|(name, _)| *name == column) else {
                assert!(
                    format!("{t}.{column}") == COMPUTED && !has,
                    "{t}.{column} has no class, and {role} {privilege}"
                );
                continue;
            };
            let tenant = table.class == TableClass::Tenant;
            let wanted = match privilege {
                "SELECT" => reads(role, &table, column, *class),
                "INSERT" => tenant.then(|| inserts(role, &table, column)),
                "UPDATE" => tenant.then(|| updates(role, &table, column, *class)),
                _ => Some(false),
            };
            held += 1;
            if wanted.is_some_and(|wanted| wanted != has) {
                wrong.push(format!("{t}.{column} ({class:?}): {role} has {privilege}: {has}"));
            }
            // On the platform's tables: no secret is changed but by sign-in, and no operator changes an address or a password.
            let address = t == "users" && ["email", "password_hash"].contains(&column);
            if privilege == "UPDATE" && has && role == OPERATOR && (*class == Class::Secret || address) {
                wrong.push(format!("{t}.{column}: an operator changes it"));
            }
        }
        // The whole table is nobody's, but for deleting.
        for role in ROLES {
            for privilege in ["SELECT", "INSERT", "UPDATE", "TRUNCATE", "REFERENCES", "TRIGGER"] {
                // has_table_privilege: a right on all columns is none on the table.
                let sql = format!("SELECT has_table_privilege('{role}', '{t}', '{privilege}')::text");
                assert_eq!(walls.one(&sql).await, "false", "{role} {privilege} {t}");
            }
            let sql = format!("SELECT has_table_privilege('{role}', '{t}', 'DELETE')::text");
            let has = walls.one(&sql).await == "true";
            if table.class == TableClass::Tenant && has != deletes(role, &table) {
                wrong.push(format!("{t}: {role} deletes: {has}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{held} rights on columns");
}

#[tokio::test]
async fn public_has_nothing_and_nothing_is_passed_on() {
    let walls = Walls::new().await;
    let nobody: [&str; 0] = [];
    let rights = "SELECT c.relname || ' ' || a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relowner <> a.grantee AND ";
    let columns = "SELECT c.relname || '.' || x.attname || ' ' || a.privilege_type FROM pg_class c
                   JOIN pg_attribute x ON x.attrelid = c.oid, aclexplode(x.attacl) a
                   WHERE c.relnamespace = 'public'::regnamespace AND ";
    let roles = format!("'{}'", ROLES.join("','"));
    for who in [
        "a.grantee = 0".to_owned(),
        "a.is_grantable".to_owned(),
        format!("pg_get_userbyid(a.grantee) NOT IN ({roles})"),
    ] {
        assert_eq!(walls.seen(&format!("{rights}{who}")).await, nobody, "{who}");
        assert_eq!(walls.seen(&format!("{columns}{who}")).await, nobody, "{who}");
    }
    // What will be made later is nobody's either.
    let defaults = "SELECT d.defaclobjtype::text || ' ' || a.privilege_type || ' ' || a.grantee::regrole::text
                    FROM pg_default_acl d, aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole";
    assert_eq!(walls.seen(defaults).await, nobody);
    for role in ROLES {
        for (sql, wanted) in [
            ("has_schema_privilege('{}', 'public', 'USAGE')", "true"),
            ("has_schema_privilege('{}', 'public', 'CREATE')", "false"),
            ("has_database_privilege('{}', current_database(), 'CREATE')", "false"),
            ("has_database_privilege('{}', current_database(), 'TEMPORARY')", "false"),
        ] {
            let sql = format!("SELECT ({})::text", sql.replace("{}", role));
            assert_eq!(walls.one(&sql).await, wanted, "{sql}");
        }
        let schemas = format!(
            "SELECT nspname::text FROM pg_namespace WHERE nspname NOT IN ('public', 'pg_catalog', 'information_schema')
             AND (has_schema_privilege('{role}', oid, 'USAGE') OR has_schema_privilege('{role}', oid, 'CREATE'))"
        );
        assert_eq!(walls.seen(&schemas).await, nobody, "{role}");
    }
}

#[tokio::test]
async fn every_key_of_a_tenant_table_starts_with_its_organisation() {
    let walls = Walls::new().await;
    for table in tenant_tables() {
        let t = table.name;
        let firsts = walls
            .seen(&format!(
                "SELECT a.attname || ' ' || x.indisprimary FROM pg_index x
                 JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
                 WHERE x.indrelid = '{t}'::regclass AND x.indisunique"
            ))
            .await;
        assert!(firsts.iter().any(|first| first == "org_id true"), "{t}: {firsts:?}");
        assert!(firsts.iter().all(|first| first.starts_with("org_id ")), "{t}: {firsts:?}");
        // An expression or a condition could hold another's value, and would not show above.
        let odd = format!(
            "SELECT indexrelid::regclass::text FROM pg_index
             WHERE indrelid = '{t}'::regclass AND indisunique AND (indexprs IS NOT NULL OR indkey[0] = 0)"
        );
        assert!(walls.seen(&odd).await.is_empty(), "{t}");
        let nullable = format!(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = '{t}'::regclass AND attname = 'org_id' AND NOT attnotnull"
        );
        assert!(walls.seen(&nullable).await.is_empty(), "{t}.org_id may be null");
    }
    // Every reference between two tenant tables takes the organisation along, column to column, and does nothing by itself.
    let loose = walls
        .seen(
            "SELECT k.conname || ' on ' || t.relname FROM pg_constraint k
             JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
             WHERE k.contype = 'f' AND t.relrowsecurity AND f.relrowsecurity AND f.relname <> 'organizations' AND NOT (
               cardinality(k.conkey) = 2 AND k.convalidated AND k.confdeltype = 'a' AND k.confupdtype = 'a' AND k.confmatchtype = 's'
               AND (SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1]) = 'org_id'
               AND (SELECT attname FROM pg_attribute WHERE attrelid = k.confrelid AND attnum = k.confkey[1]) = 'org_id')",
        )
        .await;
    assert!(loose.is_empty(), "{loose:?}");
    // And the platform's tables refer to no organisation's rows.
    let inward = walls
        .seen(
            "SELECT k.conname::text FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
             WHERE k.contype = 'f' AND NOT t.relrowsecurity AND f.relrowsecurity AND f.relname <> 'organizations'",
        )
        .await;
    assert!(inward.is_empty(), "{inward:?}");
}

/// Nothing runs, shows or hands on rows beside the tables, and nobody who signs in owns or outranks anything.
#[tokio::test]
async fn there_is_no_other_way_to_a_row_and_no_one_above_the_walls() {
    let walls = Walls::new().await;
    let ours = format!("'palisade_owner','{}'", ROLES.join("','"));
    let login = &walls.login;
    let nothing = [
        ("triggers", "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal".to_owned()),
        ("event triggers", "SELECT evtname::text FROM pg_event_trigger".to_owned()),
        ("rules", "SELECT r.rulename::text FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'public'::regnamespace".to_owned()),
        ("views and the like", "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i', 't')".to_owned()),
        ("relations elsewhere", "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT IN ('public', 'pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'".to_owned()),
        ("children", "SELECT inhrelid::regclass::text FROM pg_inherits".to_owned()),
        ("definers", "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND n.nspname <> 'pg_catalog'".to_owned()),
        ("functions", "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND proname <> 'palisade_org'".to_owned()),
        ("publications", "SELECT pubname::text FROM pg_publication".to_owned()),
        ("foreign servers", "SELECT srvname::text FROM pg_foreign_server".to_owned()),
        ("extensions", "SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql'".to_owned()),
        ("extended statistics", "SELECT stxname::text FROM pg_statistic_ext".to_owned()),
        ("other owners", "SELECT relname || ' ' || relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner <> 'palisade_owner'::regrole".to_owned()),
        ("what the login owns", format!("SELECT classid::regclass::text FROM pg_shdepend WHERE refobjid = '{login}'::regrole AND deptype = 'o'")),
        ("what the working roles own", format!("SELECT classid::regclass::text FROM pg_shdepend WHERE deptype = 'o' AND refobjid IN (SELECT oid FROM pg_roles WHERE rolname IN ('{}'))", ROLES.join("','"))),
        ("powers", format!("SELECT rolname::text FROM pg_roles WHERE rolname IN ({ours}) AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit)")),
        ("the login's powers", format!("SELECT rolname::text FROM pg_roles WHERE rolname = '{login}' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit)")),
        ("settings of roles", format!("SELECT setconfig::text FROM pg_db_role_setting WHERE setrole IN (SELECT oid FROM pg_roles WHERE rolname IN ({ours}, '{login}'))")),
        ("memberships of roles", format!("SELECT roleid::regrole::text FROM pg_auth_members WHERE member IN (SELECT oid FROM pg_roles WHERE rolname IN ({ours}))")),
        ("memberships that may be passed on", format!("SELECT roleid::regrole::text FROM pg_auth_members WHERE admin_option AND member = '{login}'::regrole")),
        ("members of the owner among those who serve", format!("SELECT '{login}' WHERE pg_has_role('{login}', 'palisade_owner', 'MEMBER')")),
    ];
    for (what, sql) in nothing {
        let found = walls.seen(&sql).await;
        assert!(found.is_empty(), "{what}: {found:?}");
    }
    let members = walls
        .seen(&format!(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = '{login}'::regrole ORDER BY 1"
        ))
        .await;
    assert_eq!(members, [IDENTITY, OPERATOR, SYSTEM, TENANT]);
    // Every table of the schema is an entity's, or the migrations' own.
    let mut tables: Vec<_> = entity::tables().iter().map(|table| table.name.to_owned()).collect();
    tables.push("seaql_migrations".to_owned());
    tables.sort();
    let live = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname COLLATE \"C\"";
    assert_eq!(walls.seen(live).await, tables);
    // And whatever holds an organisation's id is a tenant table, but for these.
    let platform = walls
        .seen("SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attname = 'org_id' AND c.relkind = 'r' AND NOT c.relrowsecurity ORDER BY 1")
        .await;
    assert_eq!(platform, ["sessions"], "which organisation a session is in");
}
