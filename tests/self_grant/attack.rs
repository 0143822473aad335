//! What the accomplices do with what an operator did: open their mails, sign in, switch, confirm each other, and ask for
//! everything.

use serde_json::Value;

use super::{
    scene::{ATTACKERS, NAMED, SEALED, address},
    stage::{Server, Stage},
};

/// Everything there is to read of the target, asked in one document by list and by id.
pub fn questions(stage: &Stage) -> String {
    let named: Vec<String> =
        ["agent", "document", "goal", "task", "execution", "file", "approval", "chat", "message", "event", "team"]
            .iter()
            .map(|name| format!("{:?}", stage.id(name)))
            .collect();
    let (acme, nodes) = (stage.id("acme"), named.join(","));
    format!(
        "{{ organization(id: \"{acme}\") {{ config agents {{ nodes {{ ...A }} }} teams {{ nodes {{ name description }} }} }}
            agents {{ nodes {{ ...A }} }} goals {{ nodes {{ ...G }} }} tasks {{ nodes {{ ...T }} }}
            approvalRequests {{ nodes {{ ...P }} }} chatSessions {{ nodes {{ ...C }} }}
            auditEvents(filter: {{ organizationId: \"{acme}\" }}) {{ nodes {{ type payload }} }}
            teams {{ nodes {{ name description }} }}
            nodes(ids: [{nodes}]) {{ ...A ...G ...T ...P ...C ... on AgentDocument {{ name content uri }}
                ... on Execution {{ ...X }} ... on WorkspaceFile {{ path sha256 sizeBytes }} ... on ChatMessage {{ ...M }}
                ... on Event {{ payload }} ... on Team {{ name description }} }} }}
        fragment A on Agent {{ name description systemPrompt config documents {{ nodes {{ name content uri }} }} }}
        fragment G on Goal {{ goalText plan files {{ nodes {{ path sha256 sizeBytes }} }} }}
        fragment T on Task {{ payload result error executions {{ nodes {{ ...X }} }} }}
        fragment X on Execution {{ code codeOutput shellOutput fileContents }}
        fragment P on ApprovalRequest {{ payload reason decisions {{ comment }} }}
        fragment C on ChatSession {{ title messages {{ nodes {{ ...M }} }} }}
        fragment M on ChatMessage {{ content toolCalls toolResults }}"
    )
}

/// Everything that an outsider's token may be refused as a whole for is asked by itself, too.
fn alone(stage: &Stage) -> [String; 3] {
    let acme = stage.id("acme");
    [
        format!("{{ organization(id: \"{acme}\") {{ name agents {{ nodes {{ name }} }} }} }}"),
        format!(
            "{{ nodes(ids: [\"{}\", \"{}\"]) {{ ... on Agent {{ name systemPrompt }} ... on Goal {{ goalText }} }} }}",
            stage.id("agent"),
            stage.id("goal")
        ),
        "{ agents { nodes { name } } goals { nodes { goalText } } }".to_owned(),
    ]
}

/// The words of a mail that begin like this.
fn tokens(bodies: &[String], prefix: &str) -> Vec<String> {
    let word = |text: &str| {
        let end =
            text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_' && char != '-').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut found: Vec<String> = bodies
        .iter()
        .flat_map(|body| body.match_indices(prefix).map(|(at, _)| word(&body[at..])).collect::<Vec<_>>())
        .collect();
    found.sort();
    found.dedup();
    found
}

fn access(answer: &Value, field: &str) -> Option<String> {
    answer["data"][field]["accessToken"].as_str().map(str::to_owned)
}

/// Opens every mail that was sent to somebody of the gang; tokens that came of it.
async fn open_mails(stage: &Stage, server: &Server) -> Vec<(&'static str, String)> {
    let mut held = Vec::new();
    for who in ATTACKERS {
        let bodies = stage.texts("SELECT body FROM mail_outbox WHERE recipient = $1", [address(who).into()]).await;
        for token in tokens(&bodies, "palp_") {
            let document = format!(
                "mutation {{ completePasswordReset(input: {{token: \"{token}\", newPassword: \"correct horse battery\"}}) {{ accessToken }} }}"
            );
            held.extend(access(&server.ask(None, &document).await, "completePasswordReset").map(|token| (who, token)));
        }
        let session = server.sign_in(who).await;
        for token in tokens(&bodies, "pali_") {
            let account = if session.is_some() { "" } else { ", name: \"Fresh\", password: \"correct horse battery\"" };
            let document =
                format!("mutation {{ acceptInvitation(input: {{token: \"{token}\"{account}}}) {{ accessToken }} }}");
            held.extend(
                access(&server.ask(session.as_deref(), &document).await, "acceptInvitation").map(|token| (who, token)),
            );
        }
        for token in tokens(&bodies, "pale_") {
            let document = format!("mutation {{ confirmEmailChange(token: \"{token}\") {{ accessToken }} }}");
            held.extend(
                access(&server.ask(session.as_deref(), &document).await, "confirmEmailChange")
                    .map(|token| (who, token)),
            );
        }
        held.extend(session.map(|token| (who, token)));
    }
    held
}

/// Whether anything of the target is in an answer that somebody got. An operator reads names.
fn holds(who: &str, operators: &[String], text: &str) -> Result<(), String> {
    let forbidden: &[&str] = if operators.contains(&address(who)) { &[SEALED] } else { &[SEALED, NAMED] };
    match forbidden.iter().find(|word| text.contains(**word)) {
        Some(word) => Err(format!("{who} reads {word} in {}", excerpt(text, word))),
        None => Ok(()),
    }
}

fn excerpt(text: &str, word: &str) -> String {
    let at = text.find(word).unwrap_or(0);
    text[at.saturating_sub(200)..text.len().min(at + 100)].to_owned()
}

/// Asks for everything with every token, and with every token that switching gives.
async fn read(stage: &Stage, server: &Server, held: Vec<(&'static str, String)>) -> Result<(), String> {
    let acme = stage.id("acme");
    let (all, alone) = (questions(stage), alone(stage));
    let operators = stage.texts("SELECT email FROM users WHERE is_super_admin", []).await;
    for (who, token) in held {
        let answer = server.send(Some(&token), &all).await;
        holds(who, &operators, &answer)?;
        // What is refused as a whole may hold a part that is not.
        if answer.contains("\"data\":null") {
            for question in &alone {
                holds(who, &operators, &server.send(Some(&token), question).await)?;
            }
        }
        // A token that was switched is spent: what it gave before is asked first.
        let switch = format!("mutation {{ switchOrganization(organizationId: \"{acme}\") {{ accessToken }} }}");
        if let Some(token) = access(&server.ask(Some(&token), &switch).await, "switchOrganization") {
            let answer = server.send(Some(&token), &all).await;
            holds(who, &operators, &answer)?;
            return Err(format!("{who} switched into the organisation: {answer}"));
        }
    }
    Ok(())
}

/// Everybody of the gang confirms whoever waits.
async fn confirm_each_other(stage: &Stage, server: &Server) {
    let sql = "SELECT u.email FROM org_memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1 AND m.pending_role IS NOT NULL";
    for waits in stage.texts(sql, [stage.uuid("acme").into()]).await {
        let sql = format!("SELECT id FROM users WHERE email = '{waits}'");
        let id = <entity::ids::UserId as entity::ids::TypedId>::from_uuid(stage.uuid_of(&sql).await.unwrap());
        for who in ATTACKERS {
            let Some(token) = server.sign_in(who).await else { continue };
            let document = format!(
                "mutation {{ confirmMember(input: {{userId: \"{id}\", accept: true}}) {{ membership {{ status }} }} }}"
            );
            server.ask(Some(&token), &document).await;
        }
    }
}

/// No membership of the target is active but those that were, and none is more than it was.
pub async fn nobody_came_in(stage: &Stage) -> Result<(), String> {
    let sql = "SELECT u.email || ' ' || m.role FROM org_memberships m JOIN users u ON u.id = m.user_id \
               WHERE m.org_id = $1 AND m.status = 'ACTIVE' ORDER BY 1";
    let now = stage.texts(sql, [stage.uuid("acme").into()]).await;
    let rose =
        |text: &String| !stage.members.contains(text) && !stage.members.contains(&text.replace("MEMBER", "ADMIN"));
    match now.iter().find(|text| rose(text)) {
        Some(text) => Err(format!("{text} is active in the organisation")),
        None => Ok(()),
    }
}

/// The whole attack, now and more than 72 hours on; what it came to, if it came to anything.
pub async fn attack(stage: &Stage) -> Result<(), String> {
    let held = open_mails(stage, &stage.now).await;
    read(stage, &stage.now, held).await?;
    nobody_came_in(stage).await?;
    // The outbox did its work long ago.
    stage.execute("UPDATE mail_outbox SET sent_at = created_at WHERE sent_at IS NULL", []).await;
    confirm_each_other(stage, &stage.later).await;
    // Who was no member and is none reads what it read before.
    nobody_came_in(stage).await?;
    for who in ["eve", "mal", "fresh"] {
        if let Some(token) = stage.later.sign_in(who).await {
            read(stage, &stage.later, vec![(who, token)]).await?;
        }
    }
    Ok(())
}
