//! Every mutation on every object that it can be about: what is sent, and which rows of the table it needs.

mod agents;
mod work;

use entity::ids::{InvitationId, TeamId, UserId, UserIdentityId};
use palisade::policy::Permission as P;
use serde_json::{Value, json};

use super::{
    cast::{Actor, Is, Org, agent, gid},
    reading::{Object, Verdict},
    rows::{email, invitation_token, org},
    stage::{NEW_ADDRESS, PASSWORD, RESET},
};

type Needs = Vec<(P, Object)>;

pub struct Case {
    pub field: &'static str,
    /// On what, as the golden says it.
    pub on: String,
    pub input: Box<dyn Fn(&Actor) -> Value>,
    /// Rows that the call needs, in the order in which they are asked.
    pub needs: Box<dyn Fn(&Actor) -> Needs>,
    /// What the rows do not say: state, and what else the input names.
    pub twist: fn(&Actor, Verdict) -> Verdict,
}

impl Case {
    fn but(self, twist: fn(&Actor, Verdict) -> Verdict) -> Self {
        Self { twist, ..self }
    }
}

fn case(
    field: &'static str,
    on: impl Into<String>,
    needs: impl Fn(&Actor) -> Needs + 'static,
    input: impl Fn(&Actor) -> Value + 'static,
) -> Case {
    Case { field, on: on.into(), input: Box::new(input), needs: Box::new(needs), twist: |_, verdict| verdict }
}

/// With one row and one object, and what is sent the same for everybody.
fn plain(field: &'static str, on: impl Into<String>, row: P, object: Object, input: Value) -> Case {
    case(field, on, move |_| vec![(row, object)], move |_| input.clone())
}

fn input(value: Value) -> Value {
    json!({ "input": value })
}

/// The row that changes an agent: its own, or the platform's for who manages global ones.
fn changing(row: P, of: &'static str) -> impl Fn(&Actor) -> Needs {
    move |actor| {
        let platforms = actor.is == Is::Operator && agent(of).org.is_none();
        vec![(if platforms { P::AgentManageGlobal } else { row }, Object::Agent(of))]
    }
}

const CONFLICT: Verdict = Verdict::State("CONFLICT");
const INVALID: Verdict = Verdict::State("VALIDATION");

fn instead(verdict: Verdict, of: Verdict) -> Verdict {
    if verdict == Verdict::Allow { of } else { verdict }
}

/// What is allowed to a person with a session, and to no key: a key has none.
fn with_session(actor: &Actor, verdict: Verdict) -> Verdict {
    if matches!(actor.is, Is::Key { .. }) { instead(verdict, Verdict::Forbid) } else { verdict }
}

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    all.extend(own());
    all.extend(platform());
    all.extend(organization());
    all.extend(teams());
    all.extend(agents::cases());
    all.extend(work::cases());
    all
}

fn own() -> Vec<Case> {
    let open = |field, value| plain(field, "", P::SignIn, Object::Whole, value);
    let account =
        |field, on: &'static str, value| plain(field, on, P::AccountManageOwn, Object::Whole, value).but(with_session);
    let to = |whose: Org| json!({ "organizationId": org(whose).to_string() });
    vec![
        open("login", input(json!({ "email": email("max"), "password": PASSWORD }))),
        // What is in `refreshSession` is put there by who runs the cases: it is made anew in each world.
        open("refreshSession", input(json!({ "refreshToken": "" }))),
        open("requestPasswordReset", json!({ "email": email("max") })),
        open(
            "completePasswordReset",
            input(json!({ "token": RESET, "newPassword": "another password of the matrix" })),
        ),
        // Of an address without an account: whoever is signed in has another.
        open("acceptInvitation", input(json!({ "token": invitation_token(), "name": "New", "password": PASSWORD })))
            .but(|actor, verdict| if actor.is_person() { instead(verdict, INVALID) } else { verdict }),
        account("logout", "", json!({})),
        account(
            "changePassword",
            "",
            input(json!({ "currentPassword": PASSWORD, "newPassword": "another password of the matrix" })),
        ),
        account("requestEmailChange", "", json!({ "newEmail": "elsewhere@matrix.example" })),
        account("confirmEmailChange", "with no link", json!({ "token": "x" }))
            .but(|actor, verdict| instead(with_session(actor, verdict), INVALID)),
        account("confirmEmailChange", "max's", json!({ "token": NEW_ADDRESS })).but(|actor, verdict| {
            if actor.name == "max" { verdict } else { instead(with_session(actor, verdict), INVALID) }
        }),
        // Its token is an issuer's: that it works is for the tests of sign-in to show.
        account("linkIdentity", "with no token", json!({ "token": "x" })).but(|actor, verdict| match actor.is {
            Is::Operator => Verdict::Forbid,
            _ => instead(with_session(actor, verdict), INVALID),
        }),
        account("unlinkIdentity", "max's", json!({ "id": gid::<UserIdentityId>("link of max") })).but(
            |actor, verdict| {
                if actor.name == "max" { verdict } else { instead(with_session(actor, verdict), Verdict::Hide) }
            },
        ),
        account("switchOrganization", "to alpha", to(Org::Alpha)).but(|actor, verdict| {
            let belongs = actor.org() == Some(Org::Alpha) || actor.name == "bo";
            if belongs { with_session(actor, verdict) } else { instead(with_session(actor, verdict), Verdict::Hide) }
        }),
        account("switchOrganization", "to beta", to(Org::Beta)).but(|actor, verdict| {
            if actor.org() == Some(Org::Beta) {
                with_session(actor, verdict)
            } else {
                instead(with_session(actor, verdict), Verdict::Hide)
            }
        }),
    ]
}

fn platform() -> Vec<Case> {
    let id = |whose: Org| json!({ "id": org(whose).to_string() });
    let user = |name: &str| json!({ "id": gid::<UserId>(name) });
    let manage = |field, on: Org| plain(field, on.slug(), P::OrganizationManage, Object::Org(on), id(on));
    let account = |field, name| plain(field, name, P::UserManage, Object::Account(name), user(name));
    let mut all = vec![
        plain(
            "createOrganization",
            "",
            P::OrganizationManage,
            Object::Whole,
            input(json!({ "name": "New", "slug": "new" })),
        ),
        manage("suspendOrganization", Org::Alpha),
        manage("suspendOrganization", Org::Beta),
        manage("reactivateOrganization", Org::Gamma),
        manage("archiveOrganization", Org::Alpha),
        manage("archiveOrganization", Org::Gamma),
        plain(
            "createUser",
            "",
            P::UserManage,
            Object::Whole,
            input(json!({ "email": "made@matrix.example", "name": "Made" })),
        ),
        account("suspendUser", "zed"),
        account("suspendUser", "uma"),
        account("reactivateUser", "sid"),
        account("deactivateUser", "zed"),
        plain("resetPassword", "zed", P::UserManage, Object::Account("zed"), json!({ "userId": gid::<UserId>("zed") })),
        plain(
            "moveUser",
            "zed to beta",
            P::UserManage,
            Object::Account("zed"),
            input(
                json!({ "userId": gid::<UserId>("zed"), "fromOrganizationId": org(Org::Alpha).to_string(), "toOrganizationId": org(Org::Beta).to_string(), "role": "ADMIN" }),
            ),
        ),
        plain(
            "setSuperAdmin",
            "uma",
            P::SuperAdminAppoint,
            Object::Account("uma"),
            json!({ "userId": gid::<UserId>("uma"), "isSuperAdmin": true }),
        ), // Uma herself holds no such row; nobody does but super-admins.
    ];
    for name in ["max", "fox", "uma"] {
        all.push(plain(
            "updateUser",
            name,
            P::UserRename,
            Object::Account(name),
            input(json!({ "id": gid::<UserId>(name), "name": "Renamed" })),
        ));
    }
    all
}

fn organization() -> Vec<Case> {
    let mut all = Vec::new();
    for whose in [Org::Alpha, Org::Beta] {
        let (slug, named) = (whose.slug(), org(whose).to_string());
        let with = |more: Value| {
            let mut value = json!({ "organizationId": named });
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input(value)
        };
        let there = gid::<UserId>(if whose == Org::Alpha { "zed" } else { "fox" });
        let on = Object::Org(whose);
        all.extend([
            plain(
                "updateOrganization",
                format!("{slug}: name"),
                P::OrganizationManage,
                on,
                input(json!({ "id": named, "name": "New" })),
            ),
            plain(
                "updateOrganization",
                format!("{slug}: config"),
                P::OrganizationConfigure,
                on,
                input(json!({ "id": named, "config": { "region": "us" } })),
            ),
            plain(
                "inviteMember",
                slug,
                P::MemberManage,
                on,
                with(json!({ "email": "more@matrix.example", "role": "MEMBER" })),
            ),
            plain(
                "addMember",
                slug,
                P::MemberAdd,
                on,
                with(json!({ "userId": gid::<UserId>("uma"), "role": "MEMBER" })),
            ),
            plain("updateMemberRole", slug, P::MemberManage, on, with(json!({ "userId": there, "role": "ADMIN" }))),
            plain("removeMember", slug, P::MemberManage, on, with(json!({ "userId": there }))),
            plain("createTeam", slug, P::TeamManage, on, with(json!({ "name": "New", "slug": "new" }))),
            plain("setBudget", slug, P::BudgetSet, on, with(json!({ "monthlyCostUsd": "1000" })))
                // The cell shows metadata, which permits no write.
                .but(|actor, verdict| if actor.is == Is::Operator { Verdict::Forbid } else { verdict }),
            plain(
                "revokeInvitation",
                slug,
                P::MemberManage,
                on,
                json!({ "id": gid::<InvitationId>(&format!("invitation {slug}")) }),
            ),
        ]);
    }
    let own = |field, value| plain(field, "the own organisation", P::IssuerManage, Object::Whole, value);
    all.extend([
        own("enableIssuer", json!({ "issuer": "https://another.example" })),
        own("disableIssuer", json!({ "issuer": "https://issuer.example" })),
        plain(
            "confirmMember",
            "pia",
            P::MemberConfirm,
            Object::Request(Org::Alpha),
            input(json!({ "userId": gid::<UserId>("pia"), "accept": true })),
        )
        // The request is the own organisation's, of whoever asks; there, somebody else's is not.
        .but(|actor, verdict| match actor.is {
            Is::Member { admin: false, .. } => Verdict::Forbid,
            _ => verdict,
        }),
    ]);
    all
}

fn teams() -> Vec<Case> {
    let mut all = Vec::new();
    // A team, who is in it, and who is not and could be.
    for (team, inside, outside) in [("red", "tom", "zed"), ("blue", "otto", "zed"), ("foreign", "fox", "bo")] {
        let id = gid::<TeamId>(team);
        let whom = |name: &str, role: Option<&str>| match role {
            Some(role) => input(json!({ "teamId": id, "userId": gid::<UserId>(name), "role": role })),
            None => json!({ "teamId": id, "userId": gid::<UserId>(name) }),
        };
        let role = if inside == "tom" { "ADMIN" } else { "MEMBER" };
        let on = Object::Team(team);
        let deleted = plain("deleteTeam", team, P::TeamManage, on, json!({ "id": id }));
        all.extend([
            plain("updateTeam", team, P::TeamManage, on, input(json!({ "id": id, "name": "New" }))),
            // Red owns an agent.
            if team == "red" { deleted.but(|_, verdict| instead(verdict, CONFLICT)) } else { deleted },
            plain("addTeamMember", team, P::TeamMemberManage, on, whom(outside, Some("MEMBER"))),
            plain("updateTeamMemberRole", team, P::TeamMemberManage, on, whom(inside, Some(role))),
            plain("removeTeamMember", team, P::TeamMemberManage, on, whom(inside, None)),
        ]);
    }
    all
}
