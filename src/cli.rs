//! The command line.
//!
//! Answers go to stdout, the log to stderr. A password is never an argument, where every user of the machine could read it:
//! it is asked for, or read from stdin. Exit codes: 0 done, 1 not done (with the reason), 2 a wrong command line.

mod arguments;
mod explanation;
pub mod logging;

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;
use migration::{Command as Migration, Options, Outcome};
use zeroize::Zeroizing;

use entity::ids::OrgId;

use crate::{
    app::{self, Failure, doctor, migrations, plug},
    config::{Config, describe},
    demo::DemoKey,
    error::Error,
    policy::markdown,
    store::audit::chain::Fault,
};
use arguments::{Admin, Arguments, Audit, Command, Migrate, Policy, Print, Schema, Usage};

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers; whether they could be written is nobody's concern.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match start(arguments) {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        // These need neither settings nor a database.
        Command::Policy { command: Policy::Print } => return say(&markdown::permissions()),
        Command::Schema { command } => return schema(command),
        Command::Serve { print_config: Some(Print::Docs) } => return say(&describe::page()),
        _ => {}
    }
    let mut config = Config::from_process(arguments.config.as_deref())?;
    if let Command::Serve { print_config: Some(Print::Settings) } = arguments.command {
        return say(&describe::print(&config));
    }
    if let Command::Demo { data_dir, reset } = &arguments.command {
        prepare_demo(&mut config, data_dir, *reset)?;
    }
    logging::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(run(arguments.command, config)))
}

async fn run(command: Command, config: Config) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve { .. } => Box::pin(app::serve(config, None, announce)).await?,
        Command::Demo { .. } => {
            Box::pin(migrations::run(&config, Migration::Up, Options::default())).await?;
            let (users, keys) = plug::seed(&config).await?;
            let logins = plug::demo_logins(&users);
            let welcome = move |address| {
                introduce(&users, &keys);
                // Nothing is mailed from a demo. A closed stdout is no reason not to serve.
                let _ = say(&format!("Mail that the demo sends is at http://{address}/dev/mailbox\n\n"));
                announce(address);
            };
            Box::pin(app::serve(config, Some(logins), welcome)).await?;
        }
        Command::Migrate { command } => return migrate(&config, command).await,
        Command::Admin { command: Admin::Create { email } } => {
            plug::create_admin(&config, &email, password()?).await?;
            return say(&format!("{email} is a super-admin.\n"));
        }
        Command::Token { email } => return say(&format!("{}\n", plug::issue_token(&config, &email).await?)),
        Command::Usage { command: Usage::Verify } => return verify_usage(&config).await,
        Command::Audit { command: Audit::Verify { organization } } => return verify(&config, organization).await,
        Command::Doctor => return examine(&config).await,
        Command::Policy { command: Policy::Explain { who, action, on, org, json } } => {
            let question = plug::Question { who, organization: org, permission: action, on };
            return explain(&config, &question, json).await;
        }
        Command::Policy { command: Policy::Print } | Command::Schema { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn explain(config: &Config, question: &plug::Question, json: bool) -> Result<ExitCode, Failure> {
    let explanation = match Box::pin(plug::explain(config, question)).await? {
        Ok(explanation) => explanation,
        Err(Error::Validation { field, message }) => {
            complain(&format!("--{}: {message}", if field == "id" { "on" } else { &field }));
            return Ok(ExitCode::from(2));
        }
        Err(Error::Unauthenticated) => return Err(Failure::new("they could not sign in now")),
        Err(_) => return Err(Failure::new("there is nobody of that name, or not as an active member there")),
    };
    say(&if json { explanation::json(&explanation) } else { explanation::text(&explanation) })?;
    Ok(if explanation.decision.allowed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The start-up line: what scripts wait for, with the port that was given.
fn announce(address: std::net::SocketAddr) {
    // A closed stdout is no reason not to serve.
    let _ = say(&format!("Palisade listens on http://{address}\n"));
}

/// Who can sign in to the demo, and the keys of its service accounts, one paragraph each: a token is too long for a table.
fn introduce(users: &[plug::DemoUser], keys: &[DemoKey]) {
    let mut text = String::from("\nA demo: these accounts, passwords and tokens are for everybody to see.\n");
    for plug::DemoUser { login, token } in users {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n{}: {}\n  e-mail   {}\n  password {}\n  token    {token}\n",
            login.role, login.note, login.email, login.password
        );
    }
    for DemoKey { role, key, note } in keys {
        let _ = write!(text, "\n{role}: {note}\n  key      {key}\n");
    }
    text.push('\n');
    // A closed stdout is no reason not to serve.
    let _ = say(&text);
}

/// A demo's tokens are printed to be copied; they should outlast lunch.
const DEMO_ACCESS_TTL: std::time::Duration = std::time::Duration::from_secs(12 * 3600);

/// The demo is the embedded database in a folder of its own, whatever the settings say of another.
fn prepare_demo(config: &mut Config, folder: &Path, reset: bool) -> Result<(), Failure> {
    config.data.dir = folder.to_owned();
    config.database.url = Default::default();
    config.mail = Default::default();
    config.workspace.root = Default::default();
    config.identity.access_ttl = DEMO_ACCESS_TTL;
    plug::DEMO_ISSUER.clone_into(&mut config.identity.issuer);
    if reset && folder.exists() {
        // Only what the demo made: a mistyped folder must not be emptied.
        if !folder.join("palisade.db").exists() {
            return Err(Failure::new(format!("{} holds no demo; it was not touched", folder.display())));
        }
        for name in ["palisade.db", "palisade.db-wal", "palisade.db-shm"] {
            match std::fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        for name in ["mail", "workspace"] {
            match std::fs::remove_dir_all(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// One line an organisation, and one for each fault.
async fn verify(config: &Config, organization: Option<OrgId>) -> Result<ExitCode, Failure> {
    let (mut text, mut holds) = (String::new(), true);
    for verdict in plug::verify_audit(config, organization).await? {
        holds &= verdict.faults.is_empty();
        let word = if verdict.faults.is_empty() { "holds" } else { "DOES NOT HOLD" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {word}, {} events, {}", verdict.org_id, verdict.events, verdict.last_hash);
        for fault in &verdict.faults {
            let _ = match fault {
                Fault::Missing(first, last) if first == last => writeln!(text, "  event {first} is missing"),
                Fault::Missing(first, last) => writeln!(text, "  events {first} to {last} are missing"),
                Fault::Altered(sequence) => writeln!(text, "  event {sequence} is not the one that was written"),
                Fault::Head => writeln!(text, "  the log does not end where its head says"),
            };
        }
    }
    say(&text)?;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn migrate(config: &Config, command: Migrate) -> Result<ExitCode, Failure> {
    let (command, options) = match command {
        Migrate::Up { default_admin } => (Migration::Up, Options { default_admin, ..Options::default() }),
        Migrate::Down { steps } => (Migration::Down(steps), Options::default()),
        Migrate::Status => (Migration::Status, Options::default()),
    };
    let outcome = Box::pin(migrations::run(config, command, options)).await?;
    say(&report(&outcome))?;
    let asked_and_behind = command == Migration::Status && outcome.pending().next().is_some();
    Ok(if asked_and_behind { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (name, applied) in &outcome.migrations {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{} {name}", if *applied { "applied" } else { "pending" });
    }
    for finding in &outcome.findings {
        let _ = writeln!(text, "✗ {finding}");
    }
    let _ = writeln!(text, "{}", if outcome.changed { "The schema was changed." } else { "Nothing was changed." });
    text
}

fn schema(command: &Schema) -> Result<ExitCode, Failure> {
    let sdl = plug::sdl();
    match command {
        Schema::Print => say(&sdl),
        Schema::Check { file } => {
            let kept = std::fs::read_to_string(file)
                .map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
            if kept == sdl {
                return say(&format!("{} is the schema's.\n", file.display()));
            }
            let line = kept.lines().zip(sdl.lines()).take_while(|(kept, now)| kept == now).count() + 1;
            let file = file.display();
            Err(Failure::new(format!("{file} is stale from line {line}: run `palisade schema print > {file}`")))
        }
    }
}

async fn verify_usage(config: &Config) -> Result<ExitCode, Failure> {
    let differences = Box::pin(plug::verify_usage(config)).await?;
    let mut text = String::new();
    for difference in &differences {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "✗ {difference}");
    }
    if differences.is_empty() {
        text.push_str("✓ every day's sums are those of its calls\n");
    }
    say(&text)?;
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(config: &Config) -> Result<ExitCode, Failure> {
    let checks = Box::pin(doctor::examine(config)).await;
    let mut text = String::new();
    for check in &checks {
        let _ = match &check.problem {
            None => writeln!(text, "✓ {}", check.name),
            Some((problem, remedy)) => writeln!(text, "✗ {}: {problem}\n  → {remedy}", check.name),
        };
    }
    say(&text)?;
    let well = checks.iter().all(|check| check.problem.is_none());
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks for a password twice, or reads a line where nobody sits at the terminal.
fn password() -> Result<Zeroizing<String>, Failure> {
    if io::stdin().is_terminal() {
        let first = Zeroizing::new(rpassword::prompt_password("Password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        return if first == second { Ok(first) } else { Err(Failure::new("the two are not the same")) };
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() { Err(Failure::new("a password is expected on stdin")) } else { Ok(line) }
}

fn say(text: &str) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has read enough, as `head` does.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "palisade: {text}");
}
