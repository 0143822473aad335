//! What an operator can do, each with the few choices that matter: every mutation that the permission table lets a
//! super-admin start.

use super::{scene::address, stage::Stage};

/// Whose log tells of a mutation that changed something.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// The target organisation's.
    Target(&'static str),
    /// That of every organisation that the account belongs to, the target's if it is one.
    Person(&'static str, &'static str),
    /// The platform's, or another organisation's.
    Elsewhere,
}

/// A mutation.
pub struct Op {
    pub name: &'static str,
    /// What is sent, made when it is needed: some name what an earlier mutation made.
    document: &'static str,
    pub told: Told,
}

macro_rules! ops {
    ($($name:literal, $document:literal, $told:expr;)*) => {
        /// All of them.
        pub const OPS: &[Op] = &[$(Op { name: $name, document: $document, told: $told },)*];
    };
}

use Told::{Elsewhere, Person, Target};

// `$name` is the id of something of the scene, `@name` an address; `$$kind` is the id of what was made last.
ops! {
    "addMember eve ADMIN", "addMember(input: {organizationId: \"$acme\", userId: \"$eve\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "addMember eve MEMBER", "addMember(input: {organizationId: \"$acme\", userId: \"$eve\", role: MEMBER}) { membership { status } }", Target("member.requested");
    "addMember mal ADMIN", "addMember(input: {organizationId: \"$acme\", userId: \"$mal\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "addMember root", "addMember(input: {organizationId: \"$acme\", userId: \"$root\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "addMember fresh", "addMember(input: {organizationId: \"$acme\", userId: \"$$user\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "addMember mia", "addMember(input: {organizationId: \"$acme\", userId: \"$mia\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "moveUser mal ADMIN", "moveUser(input: {userId: \"$mal\", fromOrganizationId: \"$globex\", toOrganizationId: \"$acme\", role: ADMIN}) { user { id } }", Target("member.requested");
    "moveUser mal MEMBER", "moveUser(input: {userId: \"$mal\", fromOrganizationId: \"$globex\", toOrganizationId: \"$acme\", role: MEMBER}) { user { id } }", Target("member.requested");
    "moveUser ada away", "moveUser(input: {userId: \"$ada\", fromOrganizationId: \"$acme\", toOrganizationId: \"$globex\", role: MEMBER}) { user { id } }", Target("member.removed");
    "moveUser mia away", "moveUser(input: {userId: \"$mia\", fromOrganizationId: \"$acme\", toOrganizationId: \"$globex\", role: MEMBER}) { user { id } }", Target("member.removed");
    "inviteMember eve ADMIN", "inviteMember(input: {organizationId: \"$acme\", email: \"@eve\", role: ADMIN}) { invitation { id } }", Target("invitation.created");
    "inviteMember mal MEMBER", "inviteMember(input: {organizationId: \"$acme\", email: \"@mal\", role: MEMBER}) { invitation { id } }", Target("invitation.created");
    "inviteMember fresh ADMIN", "inviteMember(input: {organizationId: \"$acme\", email: \"@fresh\", role: ADMIN}) { invitation { id } }", Target("invitation.created");
    "inviteMember root ADMIN", "inviteMember(input: {organizationId: \"$acme\", email: \"@root\", role: ADMIN}) { invitation { id } }", Target("invitation.created");
    "revokeInvitation", "revokeInvitation(id: \"$$invitation\") { deletedId }", Target("invitation.revoked");
    "updateMemberRole eve ADMIN", "updateMemberRole(input: {organizationId: \"$acme\", userId: \"$eve\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "updateMemberRole mal MEMBER", "updateMemberRole(input: {organizationId: \"$acme\", userId: \"$mal\", role: MEMBER}) { membership { status } }", Target("member.requested");
    "updateMemberRole mia ADMIN", "updateMemberRole(input: {organizationId: \"$acme\", userId: \"$mia\", role: ADMIN}) { membership { status } }", Target("member.requested");
    "updateMemberRole ada MEMBER", "updateMemberRole(input: {organizationId: \"$acme\", userId: \"$ada\", role: MEMBER}) { membership { status } }", Target("member.role_changed");
    "removeMember ada", "removeMember(input: {organizationId: \"$acme\", userId: \"$ada\"}) { organization { id } }", Target("member.removed");
    "removeMember mia", "removeMember(input: {organizationId: \"$acme\", userId: \"$mia\"}) { organization { id } }", Target("member.removed");
    "removeMember eve", "removeMember(input: {organizationId: \"$acme\", userId: \"$eve\"}) { organization { id } }", Target("member.removed");
    "resetPassword ada", "resetPassword(userId: \"$ada\") { user { id } }", Person("ada", "user.password_link_sent");
    "resetPassword mia", "resetPassword(userId: \"$mia\") { user { id } }", Person("mia", "user.password_link_sent");
    "resetPassword eve", "resetPassword(userId: \"$eve\") { user { id } }", Person("eve", "user.password_link_sent");
    "resetPassword mal", "resetPassword(userId: \"$mal\") { user { id } }", Person("mal", "user.password_link_sent");
    "suspendUser ada", "suspendUser(id: \"$ada\") { user { id } }", Person("ada", "user.suspended");
    "suspendUser mia", "suspendUser(id: \"$mia\") { user { id } }", Person("mia", "user.suspended");
    "reactivateUser ada", "reactivateUser(id: \"$ada\") { user { id } }", Person("ada", "user.reactivated");
    "deactivateUser ada", "deactivateUser(id: \"$ada\") { user { id } }", Person("ada", "user.deactivated");
    "deactivateUser mia", "deactivateUser(id: \"$mia\") { user { id } }", Person("mia", "user.deactivated");
    "updateUser ada", "updateUser(input: {id: \"$ada\", name: \"Eve\"}) { user { id } }", Person("ada", "user.renamed");
    "createUser fresh", "createUser(input: {email: \"@fresh\", name: \"fresh\"}) { user { id } }", Elsewhere;
    "setSuperAdmin eve on", "setSuperAdmin(userId: \"$eve\", isSuperAdmin: true) { user { id } }", Elsewhere;
    "setSuperAdmin eve off", "setSuperAdmin(userId: \"$eve\", isSuperAdmin: false) { user { id } }", Elsewhere;
    "setSuperAdmin mia on", "setSuperAdmin(userId: \"$mia\", isSuperAdmin: true) { user { id } }", Elsewhere;
    "setSuperAdmin root off", "setSuperAdmin(userId: \"$root\", isSuperAdmin: false) { user { id } }", Elsewhere;
    "suspendOrganization", "suspendOrganization(id: \"$acme\") { organization { id } }", Target("organization.suspended");
    "reactivateOrganization", "reactivateOrganization(id: \"$acme\") { organization { id } }", Target("organization.reactivated");
    "archiveOrganization", "archiveOrganization(id: \"$acme\") { organization { id } }", Target("organization.archived");
    "updateOrganization", "updateOrganization(input: {id: \"$acme\", name: \"Acme of Eve\", slug: \"eves\"}) { organization { id } }", Target("organization.renamed");
    "createOrganization eve", "createOrganization(input: {name: \"Eve's\", slug: \"of-eve\", firstAdminEmail: \"@eve\"}) { organization { id } }", Elsewhere;
    "createTeam", "createTeam(input: {organizationId: \"$acme\", name: \"Eve's\", slug: \"of-eve\"}) { team { id } }", Target("team.created");
    "updateTeam", "updateTeam(input: {id: \"$team\", name: \"Eve's\"}) { team { id } }", Target("team.updated");
    "deleteTeam", "deleteTeam(id: \"$team\") { deletedId }", Target("team.deleted");
    "createAgent GLOBAL", "createAgent(input: {name: \"Spy\", visibility: GLOBAL, systemPrompt: \"Tell Eve\"}) { agent { id } }", Elsewhere;
    "updateAgent global", "updateAgent(input: {id: \"$global\", systemPrompt: \"Tell Eve\", requiredApprovals: 2}) { agent { id } }", Elsewhere;
    "archiveAgent global", "archiveAgent(id: \"$global\") { agent { id } }", Elsewhere;
    "attachDocument global", "attachDocument(input: {agentId: \"$global\", type: RULE, name: \"Rule\", content: \"Tell Eve\"}) { document { id } }", Elsewhere;
}

/// What no super-admin may start, whatever else was done: the guard looks at nothing but who asks.
pub const NEVER: &[&str] = &[
    "confirmMember(input: {userId: \"$eve\", accept: true}) { membership { status } }",
    "acceptInvitation(input: {token: \"pali_x\"}) { accessToken }",
    "switchOrganization(organizationId: \"$acme\") { accessToken }",
    "submitGoal(input: {agentId: \"$agent\", goalText: \"Tell Eve\"}) { goal { id } }",
    "startChat(input: {agentId: \"$agent\"}) { chatSession { id } }",
    "decideApproval(input: {id: \"$approval\", decision: APPROVE}) { approvalRequest { id } }",
    "createAgent(input: {name: \"Spy\", visibility: PUBLIC}) { agent { id } }",
    "updateAgent(input: {id: \"$agent\", systemPrompt: \"Tell Eve\"}) { agent { id } }",
    "setAgentVisibility(input: {id: \"$agent\", visibility: PUBLIC}) { agent { id } }",
    "setCollaborator(input: {agentId: \"$agent\", userId: \"$eve\", permission: ADMIN}) { agent { id } }",
    "addAgentAdmin(agentId: \"$agent\", userId: \"$eve\") { agent { id } }",
    "addTeamMember(input: {teamId: \"$team\", userId: \"$eve\", role: ADMIN}) { membership { id } }",
    "updateOrganization(input: {id: \"$acme\", config: {}}) { organization { id } }",
];

impl Op {
    pub async fn document(&self, stage: &Stage) -> String {
        fill(stage, self.document).await
    }
}

/// A mutation with its names turned into ids and addresses.
pub async fn fill(stage: &Stage, document: &str) -> String {
    let mut text = format!("mutation {{ {document} }}");
    if text.contains("$$invitation") {
        text = text.replace(
            "$$invitation",
            &latest(
                stage,
                "invitations",
                "status = 'PENDING' AND org_id = (SELECT id FROM organizations WHERE slug IN ('acme', 'eves'))",
                "inv",
            )
            .await,
        );
    }
    if text.contains("$$user") {
        text = text.replace("$$user", &latest(stage, "users", "email = 'fresh@example.com'", "usr").await);
    }
    for who in ["eve", "mal", "fresh", "root"] {
        text = text.replace(&format!("\"@{who}\""), &format!("\"{}\"", address(who)));
    }
    while let Some(at) = text.find('$') {
        let name: String = text[at + 1..].chars().take_while(|char| char.is_ascii_lowercase()).collect();
        text = text.replace(&format!("\"${name}\""), &format!("\"{}\"", stage.id(&name)));
    }
    text
}

/// The id of the last row of a kind; one that nothing has where there is none.
async fn latest(stage: &Stage, table: &str, condition: &str, kind: &str) -> String {
    use entity::ids::{InvitationId, TypedId, UserId};
    let sql = format!("SELECT id FROM {table} WHERE {condition} ORDER BY id DESC LIMIT 1");
    let found = stage.uuid_of(&sql).await.unwrap_or_else(|| stage.uuid("nobody"));
    if kind == "inv" { InvitationId::from_uuid(found).to_string() } else { UserId::from_uuid(found).to_string() }
}
