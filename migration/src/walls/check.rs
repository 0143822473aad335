//! Compares the live catalogue with what it should say. Reads only; `doctor` prints what it finds, and `migrate` repairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use entity::table::TableClass;
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    ORG_FUNCTION_BODY, all_tables, catalogue,
    grants::expected_grants,
    policies::{expected_policies, secured_tables},
    roles::{self, OWNER, Role},
};

/// Something in the database that is not as it should be.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// What it is about: a table, a column, a role.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
    /// Whether the next `migrate up` repairs it; otherwise a person has to judge.
    pub repairable: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.problem)
    }
}

/// Columns that no entity has: computed, so that a foreign key keeps super-admins out of organisations, and nobody's to read.
const COMPUTED: &[(&str, &str)] = &[("org_memberships", "user_is_super_admin")];

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn push(&mut self, object: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding { object: object.into(), problem: problem.into(), repairable: true });
    }

    /// Something that was added beside the walls, or that only a migration can put right.
    fn odd(&mut self, object: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding { object: object.into(), problem: problem.into(), repairable: false });
    }

    fn unless(&mut self, well: bool, object: &str, problem: impl FnOnce() -> String) {
        if !well {
            self.push(object, problem());
        }
    }
}

/// Everything that is missing, superfluous or different; empty when the walls stand. PostgreSQL only.
pub async fn check(db: &impl ConnectionTrait) -> Result<Vec<Finding>, DbErr> {
    let mut found = Findings::default();
    relations(db, &mut found).await?;
    columns(db, &mut found).await?;
    beside(db, &mut found).await?;
    policies(db, &mut found).await?;
    grants(db, &mut found).await?;
    code(db, &mut found).await?;
    keys(db, &mut found).await?;
    roles(db, &mut found).await?;
    found.0.sort();
    Ok(found.0)
}

async fn relations(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let known: Vec<_> = all_tables().iter().map(|table| table.name).collect();
    let secured = secured_tables();
    let live = catalogue::relations(db).await?;
    for table in known.iter().filter(|name| !live.iter().any(|live| live.name == **name)) {
        found.odd(*table, "the table is missing");
    }
    for live in live {
        if live.kind != "r" || !known.contains(&live.name.as_str()) {
            found.odd(&live.name, "nothing like it should be in the schema");
            continue;
        }
        found.unless(live.owner == OWNER, &live.name, || format!("owned by {}, not by {OWNER}", live.owner));
        let wanted = secured.contains(&live.name.as_str());
        found.unless(live.secured == wanted, &live.name, || {
            format!("row-level security is {}", if live.secured { "enabled" } else { "not enabled" })
        });
        found.unless(live.forced == wanted, &live.name, || {
            format!("row-level security is {}", if live.forced { "forced" } else { "not forced" })
        });
    }
    Ok(())
}

/// A column without a class is nobody's, and a person has to say what it is.
async fn columns(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let known = all_tables();
    let live = catalogue::columns(db).await?;
    for (table, column) in &live {
        let Some(known) = known.iter().find(|known| known.name == table) else { continue };
        let classed = known.columns.iter().any(|(name, _)| name == column);
        if !classed && !COMPUTED.contains(&(table.as_str(), column.as_str())) {
            found.odd(format!("{table}.{column}"), "no entity has the column");
        }
    }
    for table in known.iter().filter(|known| live.iter().any(|(table, _)| table == known.name)) {
        for (column, _) in &table.columns {
            if !live.iter().any(|(name, known)| name == table.name && known == column) {
                found.odd(format!("{}.{column}", table.name), "the column is missing");
            }
        }
    }
    Ok(())
}

/// What is not a table's own, and would hand its rows on or let a role keep something of them.
async fn beside(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let ours = |grantee: &str| grantee == catalogue::PUBLIC || roles::names().any(|name| name == grantee);
    for (grantee, privilege) in catalogue::default_acls(db).await?.into_iter().filter(|(grantee, _)| ours(grantee)) {
        found.odd("default privileges", format!("{grantee} would have {privilege}"));
    }
    for (relation, role) in catalogue::elsewhere(db).await? {
        found.odd(relation, format!("is outside the schema, and {role} may use it"));
    }
    for (publication, table) in catalogue::publications(db).await? {
        found.odd(publication, format!("publishes {table}"));
    }
    let database: Vec<_> = catalogue::database_acls(db).await?.into_iter().filter(|(who, _)| ours(who)).collect();
    if !database.is_empty() {
        let repairable = catalogue::owns_database(db).await?;
        found.0.extend(database.into_iter().map(|(grantee, privilege)| Finding {
            object: "the database".to_owned(),
            problem: format!("{grantee} should not have {privilege}"),
            repairable,
        }));
    }
    Ok(())
}

/// The text of an expression as it is compared: PostgreSQL adds parentheses, and the schema when it is not in the path.
fn normal(expression: Option<&str>) -> String {
    let text = expression.unwrap_or_default().replace("public.", "");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).map(str::to_owned).unwrap_or(text)
}

async fn policies(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let mut wanted = BTreeMap::new();
    for policy in expected_policies() {
        let mut roles: Vec<_> = policy.roles.iter().map(|role| role.name()).collect();
        roles.sort_unstable();
        let shape =
            (policy.command.as_str().to_owned(), roles.join(","), normal(Some(policy.using)), normal(policy.check));
        wanted.insert((policy.table.to_owned(), policy.name.to_owned()), shape);
    }
    for live in catalogue::policies(db).await? {
        let (using, check) = (normal(live.using.as_deref()), normal(live.check.as_deref()));
        let label = format!("{}.{}", live.table, live.name);
        match wanted.remove(&(live.table, live.name)) {
            None => found.push(label, "the policy is not one of ours"),
            Some(shape) => {
                let same = live.permissive && shape == (live.command, live.roles, using, check);
                found.unless(same, &label, || "the policy was altered".to_owned());
            }
        }
    }
    for (table, name) in wanted.into_keys() {
        found.push(format!("{table}.{name}"), "the policy is missing");
    }
    Ok(())
}

async fn grants(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    // (table, column or nothing, role, privilege)
    let mut wanted = BTreeSet::new();
    for grant in expected_grants() {
        let privilege = grant.privilege.as_str();
        if grant.columns.is_empty() {
            wanted.insert((grant.table, None, grant.role, privilege.to_owned()));
        } else {
            for column in grant.columns {
                wanted.insert((grant.table.clone(), Some(column), grant.role.clone(), privilege.to_owned()));
            }
        }
    }
    let label = |table: &str, column: &Option<String>| match column {
        Some(column) => format!("{table}.{column}"),
        None => table.to_owned(),
    };
    for acl in catalogue::table_acls(db).await?.into_iter().filter(|acl| acl.grantee != OWNER) {
        let object = label(&acl.table, &acl.column);
        let (privilege, grantee) = (acl.privilege.clone(), acl.grantee.clone());
        if !wanted.remove(&(acl.table, acl.column, acl.grantee, acl.privilege)) {
            found.push(&object, format!("{grantee} should not have {privilege}"));
        }
        found.unless(!acl.grantable, &object, || format!("{grantee} may pass {privilege} on"));
    }
    for (table, column, role, privilege) in wanted {
        found.push(label(&table, &column), format!("{role} should have {privilege}"));
    }
    schema(db, found).await
}

/// Whether exactly the right roles may use the schema, and the owner create in it.
pub(crate) async fn schema_stands(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let mut found = Findings::default();
    schema(db, &mut found).await?;
    Ok(found.0.is_empty())
}

async fn schema(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let mut wanted: BTreeSet<_> = Role::ALL.iter().map(|role| (role.name().to_owned(), "USAGE".to_owned())).collect();
    wanted.extend(["CREATE", "USAGE"].map(|privilege| (OWNER.to_owned(), privilege.to_owned())));
    for (grantee, privilege) in catalogue::schema_acls(db).await? {
        let known = grantee == catalogue::PUBLIC || roles::names().any(|name| name == grantee);
        if known && !wanted.remove(&(grantee.clone(), privilege.clone())) {
            found.push("schema public", format!("{grantee} should not have {privilege}"));
        }
    }
    for (role, privilege) in wanted {
        found.push("schema public", format!("{role} should have {privilege}"));
    }
    Ok(())
}

/// Triggers, rules and functions: code that would run with somebody else's rights, or unseen.
async fn code(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    for (table, name) in catalogue::triggers(db).await? {
        found.odd(table, format!("has the trigger or rule {name}"));
    }
    let mut wanted = Role::ALL.map(Role::name);
    wanted.sort_unstable();
    let mut seen = false;
    for function in catalogue::functions(db).await? {
        let ours = normal_name(&function.name) == "palisade_org()";
        if !ours {
            found.odd(&function.name, "is not one of ours");
        }
        if function.definer {
            let finding =
                Finding { object: function.name.clone(), problem: "is SECURITY DEFINER".to_owned(), repairable: ours };
            found.0.push(finding);
        }
        if ours {
            seen = true;
            let same = function.body == ORG_FUNCTION_BODY && function.volatility == "s" && !function.configured;
            found.unless(same, &function.name, || "the function was altered".to_owned());
            found.unless(function.owner == OWNER, &function.name, || format!("owned by {}", function.owner));
            let grantees = &function.grantees;
            found.unless(*grantees == wanted.join(","), &function.name, || format!("may be executed by: {grantees}"));
        }
    }
    found.unless(seen, "palisade_org()", || "the function is missing".to_owned());
    Ok(())
}

fn normal_name(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

/// The rules that keep an organisation's rows apart, and the schema ready to be distributed by `org_id`.
async fn keys(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let tables = entity::tables();
    let tenant = |name: &str| tables.iter().any(|table| table.name == name && table.class == TableClass::Tenant);
    for key in catalogue::unique_keys(db).await?.into_iter().filter(|key| tenant(&key.table)) {
        if key.first.as_deref() != Some("org_id") {
            found.odd(&key.table, format!("the unique key {} does not start with org_id", key.name));
        }
    }
    for key in catalogue::foreign_keys(db).await? {
        if key.actions != "aa" {
            found.odd(&key.table, format!("the foreign key {} acts by itself", key.name));
        }
        if !key.validated {
            found.odd(&key.table, format!("the foreign key {} was never validated", key.name));
        }
        let composite = key.columns == 2 && key.first == "org_id" && tenant(&key.table);
        if tenant(&key.target) && !composite {
            found.odd(&key.table, format!("the foreign key {} reaches {} without org_id", key.name, key.target));
        }
    }
    Ok(())
}

async fn roles(db: &impl ConnectionTrait, found: &mut Findings) -> Result<(), DbErr> {
    let live = catalogue::roles(db).await?;
    for name in roles::names().filter(|name| !live.iter().any(|role| role.name == *name)) {
        found.push(name, "the role is missing");
    }
    for role in live {
        found.unless(role.powers.is_empty(), &role.name, || format!("has {}", role.powers));
        found.unless(role.member_of.is_empty(), &role.name, || format!("is a member of {}", role.member_of));
    }
    Ok(())
}
