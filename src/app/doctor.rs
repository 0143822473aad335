//! Holds an installation against what the server needs, with a remedy for each lack.

use std::{path::Path, time::Duration};

use migration::{Command, Options};

use super::{Failure, files, migrations, plug};
use crate::{config::Config, store::db::Role};

/// One thing that was looked at.
#[derive(Debug)]
pub struct Check {
    /// What.
    pub name: String,
    /// What is wrong and what to do about it; nothing when all is well.
    pub problem: Option<(String, &'static str)>,
}

impl Check {
    fn new<T>(name: &str, outcome: Result<T, String>, remedy: &'static str) -> Self {
        Self { name: name.to_owned(), problem: outcome.err().map(|problem| (problem, remedy)) }
    }
}

/// Looks at everything. What cannot be looked at because of an earlier lack is left out.
pub async fn examine(config: &Config) -> Vec<Check> {
    let told = |failure: Failure| failure.to_string();
    let mut checks = vec![Check::new(
        "server secret",
        config.secret().map_err(|error| error.to_string()),
        "set PALISADE_IDENTITY__SECRET or PALISADE_SECRET_FILE",
    )];
    checks.push(Check::new(
        "mail folder writable",
        writable(&config.mail_folder()),
        "give the server's user the folder, or set mail.folder",
    ));
    checks.push(Check::new(
        "workspace usable, and nobody else's to write",
        files::check(config).await,
        "give the server's user the folder of workspace.root, or correct workspace.s3_…",
    ));
    let connection =
        tokio::time::timeout(config.database.acquire_timeout + Duration::from_secs(1), migrations::connect(config));
    let connection = match connection.await {
        Ok(outcome) => outcome.map_err(told),
        Err(_) => Err(migrations::unreachable(config)),
    };
    let remedy = "start the database, or correct PALISADE_DATABASE__URL";
    let connection = match connection {
        Ok(connection) => connection,
        Err(problem) => {
            checks.push(Check::new::<()>("database reachable", Err(problem), remedy));
            return checks;
        }
    };
    checks.push(Check::new("database reachable", Ok(()), remedy));
    let status = migrations::run(config, Command::Status, Options::default()).await;
    let pending = match &status {
        Ok(outcome) => match outcome.pending().count() {
            0 => Ok(()),
            count => Err(format!("{count} are pending")),
        },
        Err(failure) => Err(failure.to_string()),
    };
    let current = pending.is_ok();
    checks.push(Check::new("migrations current", pending, "run `palisade migrate up`"));
    if current && !config.database_url().is_sqlite() {
        walls(&connection, &mut checks).await;
        logins(config, &mut checks).await;
    }
    if current {
        let keys = match plug::has_signing_keys(config).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("there are none".to_owned()),
            Err(failure) => Err(failure.to_string()),
        };
        checks.push(Check::new("signing keys", keys, "start the server once with the right secret: it makes them"));
    }
    let _ = connection.close().await;
    checks
}

async fn walls(connection: &sea_orm::DatabaseConnection, checks: &mut Vec<Check>) {
    let remedy = "run `palisade migrate up` as the migrator; what it does not repair, a person must judge";
    match migration::walls::check(connection).await {
        Ok(findings) if findings.is_empty() => {
            checks.push(Check::new(
                "row-level security forced, grants as expected, roles without powers",
                Ok(()),
                remedy,
            ));
        }
        Ok(findings) => {
            let problems =
                findings.iter().map(|finding| Check::new::<()>(&finding.object, Err(finding.problem.clone()), remedy));
            checks.extend(problems);
        }
        // The cause is for the log: it may hold what a table holds.
        Err(_) => checks.push(Check::new::<()>("walls", Err("the catalogue cannot be read".to_owned()), remedy)),
    }
}

/// Where roles have logins of their own, none of them may become another role: else they are worth nothing.
async fn logins(config: &Config, checks: &mut Vec<Check>) {
    let remedy = "make each login a member of its one role: CREATE ROLE … LOGIN NOINHERIT IN ROLE palisade_tenant";
    let own = &config.database;
    if [&own.tenant_url, &own.operator_url, &own.identity_url, &own.system_url].iter().all(|url| url.is_empty()) {
        return;
    }
    let Ok(database) = super::open_database(config) else { return };
    for role in Role::ALL {
        let reached = database.reach(role).await.map_err(|_| "it cannot sign in as its role".to_owned());
        let outcome = reached.and_then(|others| match others.as_slice() {
            [] => Ok(()),
            others => {
                let names = others.iter().map(|other| other.name()).collect::<Vec<_>>().join(", ");
                Err(format!("it may also become {names}"))
            }
        });
        checks.push(Check::new(&format!("login of {}", role.name()), outcome, remedy));
    }
    database.close().await;
}

fn writable(folder: &Path) -> Result<(), String> {
    let probe = folder.join(".palisade-probe");
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    tried.map_err(|error| format!("{}: {error}", folder.display()))
}
