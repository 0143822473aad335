//! The search: every sequence of mutations, as a tree in which states that are the same are one.
//!
//! A state is everything that a mutation of the alphabet can change, by name and not by id, without the logs. That nothing
//! else was changed is looked at after every step. Two sequences that lead to the same state have the same future, and the
//! attack on it is made once; a sequence with a step that was refused is the sequence without that step.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::Mutex,
};

use serde_json::Value;

use super::{
    alphabet::{OPS, Op, Told},
    attack::{attack, nobody_came_in},
    stage::Stage,
};

/// What the alphabet may change. Besides, a step writes logs, sessions and counters of attempts.
const STATE: &[&str] = &[
    "users",
    "organizations",
    "org_memberships",
    "invitations",
    "one_time_tokens",
    "mail_outbox",
    "teams",
    "team_memberships",
    "agents",
    "agent_collaborators",
    "agent_admins",
    "global_agents",
    "global_agent_documents",
    "service_accounts",
    "email_changes",
];
const BESIDES: &[&str] =
    &["events", "event_heads", "platform_events", "sessions", "refresh_tokens", "login_throttles", "signing_keys"];

/// The state as text, one row of one table a line.
const PROJECTION: &[&str] = &[
    "SELECT 'user ' || email || status || CASE WHEN is_super_admin THEN 's' ELSE '' END || CASE WHEN password_hash IS NULL THEN '' ELSE 'p' END FROM users",
    "SELECT 'org ' || id_name || status FROM (SELECT CASE WHEN slug = 'eves' THEN 'acme' ELSE slug END AS id_name, status FROM organizations) AS o",
    "SELECT 'named ' || slug || name FROM organizations",
    "SELECT 'called ' || email || name FROM users",
    "SELECT 'member ' || CASE WHEN o.slug = 'eves' THEN 'acme' ELSE o.slug END || ' ' || u.email || m.role || m.status || coalesce(m.pending_role, '') || CASE WHEN m.request_id IS NULL THEN '' ELSE 'r' END FROM org_memberships m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.org_id",
    "SELECT 'invitation ' || CASE WHEN o.slug = 'eves' THEN 'acme' ELSE o.slug END || ' ' || i.email || i.role || i.status || CASE WHEN i.first_admin THEN 'f' ELSE '' END || coalesce(u.email, '') FROM invitations i JOIN organizations o ON o.id = i.org_id LEFT JOIN users u ON u.id = i.invited_by",
    "SELECT 'link ' || u.email || t.purpose || CASE WHEN t.used_at IS NULL THEN '' ELSE 'u' END FROM one_time_tokens t JOIN users u ON u.id = t.user_id",
    // Which request a mail tells of: one that still waits, and whose, or one that is over.
    "SELECT 'mail ' || o.recipient || coalesce(o.template, '') || CASE WHEN o.request_id IS NULL THEN CASE WHEN o.body LIKE '%palp_%' THEN ' password-link' ELSE '' END ELSE coalesce((SELECT max(u.email) FROM org_memberships m JOIN users u ON u.id = m.user_id WHERE m.request_id = o.request_id), 'over') END FROM mail_outbox o",
    "SELECT 'team ' || o.slug || t.slug || t.name FROM teams t JOIN organizations o ON o.id = t.org_id",
    "SELECT 'agent ' || name || visibility || status || CASE WHEN owner_id IS NULL THEN '' ELSE 'o' END FROM agents",
    "SELECT 'global ' || name || status || coalesce(system_prompt, '') || CAST(required_approvals AS text) FROM global_agents",
    "SELECT 'document ' || name FROM global_agent_documents",
];

/// What the search found, shared by those who work at it.
#[derive(Default)]
pub struct Found {
    /// How many sequences, none of whose steps was refused, go on from a state, by how long they may be.
    sequences: HashMap<u64, [Option<u64>; 4]>,
    pub states: BTreeSet<u64>,
    pub attacked: BTreeSet<u64>,
    pub steps: u64,
    pub refused: u64,
    /// How often each mutation worked.
    pub worked: BTreeMap<&'static str, u64>,
}

impl Found {
    fn known(&self, state: u64, left: usize) -> Option<u64> {
        self.sequences.get(&state).and_then(|counts| counts[left])
    }
}

/// A state's two names: of all of it, and of what an attack can meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct State {
    whole: u64,
    met: u64,
}

/// Rows of the state that no accomplice's way leads by: what hangs on agents and teams, what things are called, and the
/// links that were mailed to honest people, which are theirs alone. That those rows let nobody in is looked at in every
/// state all the same, in the memberships.
fn is_met(row: &str) -> bool {
    let honest = ["ada@", "bob@", "mia@", "gil@"].iter().any(|who| row[5..].starts_with(who));
    match row.split(' ').next() {
        Some("user" | "member" | "invitation") => true,
        Some("org") => true,
        Some("link") => !honest,
        // A notice counts, whoever is told: it starts the wait.
        Some("mail") => !honest || !row.ends_with("password-link"),
        _ => false,
    }
}

/// The names of the state at hand.
pub async fn state(stage: &Stage) -> State {
    let mut rows = stage.texts(&PROJECTION.join(" UNION ALL "), []).await;
    rows.sort_unstable();
    let name = |rows: &[String]| {
        let mut hasher = DefaultHasher::new();
        rows.hash(&mut hasher);
        hasher.finish()
    };
    let whole = name(&rows);
    rows.retain(|row| is_met(row));
    State { whole, met: name(&rows) }
}

/// One step: what the mutation changed, and that the organisation's log tells of it. None where it was refused.
pub async fn step(stage: &Stage, op: &Op) -> Result<Option<bool>, String> {
    let mark = stage.undo.mark(&stage.root).await;
    let concerned = match op.told {
        Told::Target(kind) => Some(kind),
        Told::Person(who, kind) => is_of_target(stage, who).await.then_some(kind),
        Told::Elsewhere => None,
    };
    let before = log(stage).await;
    let answer = stage.now.ask(Some(&stage.operator), &op.document(stage).await).await;
    let touched = stage.undo.touched(&stage.root, mark).await;
    let changed = touched.iter().any(|table| STATE.contains(&table.as_str()));
    if let Some(strange) =
        touched.iter().find(|table| !STATE.contains(&table.as_str()) && !BESIDES.contains(&table.as_str()))
    {
        return Err(format!("{strange} was changed, which is no part of the state"));
    }
    let works = answer.get("errors").is_none();
    if !works && changed {
        return Err(format!("it was refused, and changed {touched:?}: {answer}"));
    }
    if !works && answer["errors"][0]["extensions"]["code"] == "INTERNAL" {
        return Err(format!("it broke: {answer}"));
    }
    let told = log(stage).await;
    let wanted: Vec<String> = if works && changed {
        concerned.iter().map(|kind| format!("{kind} root@example.com")).collect()
    } else {
        Vec::new()
    };
    if told[..before.len()] != before[..] || told[before.len()..] != wanted[..] {
        return Err(format!("the organisation's log should go on with {wanted:?}: {:?}", &told[before.len()..]));
    }
    Ok(works.then_some(changed))
}

/// What the organisation's log says, and who did it.
async fn log(stage: &Stage) -> Vec<String> {
    let sql = "SELECT e.type || ' ' || coalesce(u.email, '') FROM events e LEFT JOIN users u ON u.id = e.actor_user_id WHERE e.org_id = $1 ORDER BY e.sequence";
    stage.texts(sql, [stage.uuid("acme").into()]).await
}

/// Whether the account belongs to the organisation, or is asked for.
async fn is_of_target(stage: &Stage, who: &str) -> bool {
    let sql = "SELECT status FROM org_memberships WHERE org_id = $1 AND user_id = $2 AND (status <> 'LEFT' OR pending_role IS NOT NULL)";
    !stage.texts(sql, [stage.uuid("acme").into(), stage.uuid(who).into()]).await.is_empty()
}

/// The organisation's own admin reads in the log, over the API, all that stands there.
async fn admin_reads_the_log(stage: &Stage) -> Result<(), String> {
    let sql = "SELECT u.name FROM org_memberships m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.org_id \
               WHERE m.org_id = $1 AND m.role = 'ADMIN' AND m.status = 'ACTIVE' AND u.status = 'ACTIVE' AND o.status = 'ACTIVE' ORDER BY 1";
    let admins = stage.texts(sql, [stage.uuid("acme").into()]).await;
    let Some(admin) = admins.iter().find(|name| ["ada", "bob"].contains(&name.as_str())) else { return Ok(()) };
    let token = stage.now.sign_in(admin).await.unwrap();
    let answer = stage.now.ask(Some(&token), "{ auditEvents(first: 50) { nodes { type actorId sequence } } }").await;
    let nodes = answer["data"]["auditEvents"]["nodes"].as_array().cloned().unwrap_or_default();
    let by_root = |node: &&Value| node["actorId"] == stage.id("root");
    let mut shown: Vec<String> = nodes
        .iter()
        .filter(by_root)
        .map(|node| format!("{} root@example.com", node["type"].as_str().unwrap()))
        .collect();
    let mut stored = log(stage).await;
    stored.retain(|line| line.ends_with(" root@example.com"));
    shown.sort();
    stored.sort();
    if shown == stored { Ok(()) } else { Err(format!("{admin} reads {shown:?} of {stored:?}: {answer}")) }
}

/// Attacks the state at hand, and takes the attack back. Once for each state.
async fn attack_once(stage: &Stage, found: &Mutex<Found>, state: State) -> Result<(), String> {
    let (new, attacked) = {
        let mut found = found.lock().unwrap();
        (found.states.insert(state.whole), !found.attacked.insert(state.met))
    };
    if new {
        nobody_came_in(stage).await?;
    }
    if attacked {
        return Ok(());
    }
    let mark = stage.undo.mark(&stage.root).await;
    admin_reads_the_log(stage).await?;
    attack(stage).await?;
    stage.undo.back(&stage.root, mark).await;
    Ok(())
}

/// Goes on from the state at hand, which `state` names, by at most `left` steps. Of the first steps, only those of `mine`.
pub async fn explore(
    stage: &Stage,
    found: &Mutex<Found>,
    state_now: State,
    left: usize,
    path: &mut Vec<&'static str>,
    mine: &(dyn Fn(usize) -> bool + Sync),
) -> Result<u64, String> {
    attack_once(stage, found, state_now).await.map_err(|leak| format!("after {path:?}: {leak}"))?;
    if left == 0 {
        return Ok(0);
    }
    if let Some(known) = found.lock().unwrap().known(state_now.whole, left) {
        return Ok(known);
    }
    let (mut sequences, mut next) = (0, 0);
    for (at, op) in OPS.iter().enumerate() {
        if path.is_empty() && !mine(at) {
            continue;
        }
        path.push(op.name);
        let mark = stage.undo.mark(&stage.root).await;
        let done = step(stage, op).await.map_err(|wrong| format!("after {path:?}: {wrong}"))?;
        {
            let mut found = found.lock().unwrap();
            found.steps += 1;
            match done {
                None => found.refused += 1,
                Some(_) => *found.worked.entry(op.name).or_default() += 1,
            }
        }
        if let Some(changed) = done {
            next += 1;
            let then = if changed { state(stage).await } else { state_now };
            let further = Box::pin(explore(stage, found, then, left - 1, path, mine)).await?;
            sequences += 1 + further;
        }
        stage.undo.back(&stage.root, mark).await;
        path.pop();
    }
    let mut found = found.lock().unwrap();
    if !path.is_empty() {
        let counts = found.sequences.entry(state_now.whole).or_default();
        counts[left] = Some(sequences);
        counts[1] = Some(next);
    }
    Ok(sequences)
}
