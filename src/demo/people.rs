//! People, their memberships and their teams. The same names in both organisations; different people.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    confidential::Secret,
    enums::{InvitationStatus, MembershipStatus, OrgRole, TeamRole, UserStatus},
    fold::fold,
    ids::{TeamId, UserId},
    invitation, org_membership, team, team_membership, user,
};
use serde_json::json;

use super::{
    DemoLogin, DemoPlatform, PASSWORD,
    dice::Dice,
    scene::{self, ACME, GLOBEX, HISTORY, Scene},
};

/// [`PASSWORD`], hashed once and for all: argon2id with the parameters of `identity::password`. A test verifies it.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cGFsaXNhZGUtZGVtby0wMQ$5STt+syY+Bu0loyuNoiH54zYhLvcvygTRIgPbN06Qww";

const OPERATOR: &str = "operator@palisade.example";
const CONSULTANT: &str = "mina@consulting.example";

/// A person of the cast, by position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Who {
    Ada,
    Ben,
    Chiara,
    Dmitri,
    Esther,
    Farid,
    Grace,
    Hugo,
    Ines,
    Jonas,
    Kavya,
    Liam,
    Mina,
}

/// A team, by position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Team {
    Finance,
    Platform,
    Revenue,
    Support,
}

const TEAMS: [(&str, &str, &str); 4] = [
    ("Finance", "finance", "Payables, receivables, closing the books, and the contracts that go with them."),
    ("Platform Engineering", "platform-engineering", "Runs what everybody else builds on, day and night."),
    ("Revenue", "revenue", "Sales, renewals and the forecast."),
    ("Customer Support", "customer-support", "Answers customers, and tells the rest what they said."),
];

/// Name, local part of the address, role, and place in a team.
type Person = (&'static str, &'static str, OrgRole, Option<(Team, TeamRole)>);

const PEOPLE: [Person; 12] = [
    ("Ada Okafor", "ada", OrgRole::Admin, None),
    ("Ben Castellanos", "ben", OrgRole::Admin, Some((Team::Platform, TeamRole::Member))),
    ("Chiara Lindqvist", "chiara", OrgRole::Member, Some((Team::Finance, TeamRole::Admin))),
    ("Dmitri Ashworth", "dmitri", OrgRole::Member, Some((Team::Finance, TeamRole::Member))),
    ("Esther Nakamura", "esther", OrgRole::Member, Some((Team::Platform, TeamRole::Admin))),
    ("Farid Haddad", "farid", OrgRole::Member, Some((Team::Platform, TeamRole::Member))),
    ("Grace Mbeki", "grace", OrgRole::Member, Some((Team::Support, TeamRole::Member))),
    ("Hugo Delacroix", "hugo", OrgRole::Member, None),
    ("Ines Carvalho", "ines", OrgRole::Member, Some((Team::Revenue, TeamRole::Admin))),
    ("Jonas Weber", "jonas", OrgRole::Member, Some((Team::Revenue, TeamRole::Member))),
    ("Kavya Raman", "kavya", OrgRole::Member, Some((Team::Support, TeamRole::Admin))),
    ("Liam O'Connor", "liam", OrgRole::Member, None),
];

/// The people and teams of one organisation.
#[derive(Debug)]
pub(super) struct Cast {
    people: Vec<UserId>,
    teams: Vec<TeamId>,
    /// Until when Kavya worked: then she left, or was suspended.
    pub(super) kavya_until: DateTime<Utc>,
}

impl Cast {
    pub(super) fn user(&self, who: Who) -> UserId {
        self.people[who as usize]
    }

    pub(super) fn team(&self, team: Team) -> TeamId {
        self.teams[team as usize]
    }
}

/// The platform's one super-admin.
pub(super) fn operator(rows: &mut DemoPlatform, dice: &mut Dice, now: DateTime<Utc>) -> UserId {
    let user = account(dice, now - HISTORY, "Petra Novak", OPERATOR.to_owned());
    let user = user::Model { is_super_admin: true, last_login_at: Some(now - TimeDelta::minutes(50)), ..user };
    let id = user.id;
    rows.users.push(user);
    scene::platform_event(rows, dice, now - HISTORY, id, "super_admin.created", id);
    id
}

/// A member of both organisations.
pub(super) fn consultant(rows: &mut DemoPlatform, dice: &mut Dice, now: DateTime<Utc>) -> UserId {
    let user = account(dice, now - HISTORY + TimeDelta::minutes(20), "Mina Sato", CONSULTANT.to_owned());
    let user = user::Model { last_login_at: Some(now - TimeDelta::hours(3)), ..user };
    let id = user.id;
    rows.users.push(user);
    id
}

fn account(dice: &mut Dice, at: DateTime<Utc>, name: &str, email: String) -> user::Model {
    user::Model {
        id: dice.id(at),
        email,
        name: name.to_owned(),
        name_folded: fold(name),
        status: UserStatus::Active,
        is_super_admin: false,
        password_hash: Some(Secret::new(PASSWORD_HASH.to_owned())),
        last_login_at: None,
        created_at: at,
        updated_at: at,
    }
}

/// The organisation's accounts, members, teams and invitations.
pub(super) fn members(scene: &mut Scene<'_>, consultant: UserId) -> Cast {
    let kavya_until = scene.now - TimeDelta::days(12);
    let mut cast = Cast { people: Vec::new(), teams: Vec::new(), kavya_until };
    for (position, (name, handle, role, _)) in PEOPLE.into_iter().enumerate() {
        // Whoever is still to be confirmed came last.
        let pending = scene.is == ACME && position == Who::Liam as usize;
        let at = scene.since + TimeDelta::minutes(25) * i32::try_from(position).unwrap_or(0);
        let at = if pending { scene.now - TimeDelta::days(2) } else { at };
        let user = account(scene.dice, at, name, format!("{handle}@{}.example", scene.is.slug));
        cast.people.push(user.id);
        join(scene, user, role, at, kavya_until);
    }
    let at = scene.since + TimeDelta::hours(20);
    let role = if scene.is == GLOBEX { OrgRole::Admin } else { OrgRole::Member };
    cast.people.push(consultant);
    member(scene, consultant, role, at, Some(scene.now - TimeDelta::hours(if scene.is == ACME { 3 } else { 27 })));
    teams(scene, &mut cast);
    invitations(scene, &cast);
    cast
}

/// An account with its membership; two of them have a history.
fn join(scene: &mut Scene<'_>, user: user::Model, role: OrgRole, at: DateTime<Utc>, kavya_until: DateTime<Utc>) {
    let (id, operator) = (user.id, scene.operator);
    let last = scene.now - scene.dice.seconds(600, 3 * 86_400);
    let late = scene.now - TimeDelta::days(2);
    let kavya = user.name == PEOPLE[Who::Kavya as usize].0;
    let liam = user.name == PEOPLE[Who::Liam as usize].0;
    match (scene.is == ACME, kavya, liam) {
        // Left: the membership keeps the name readable on history.
        (true, true, _) => {
            scene.rows.users.push(user::Model { last_login_at: Some(kavya_until), ..user });
            let row = member(scene, id, role, at, Some(kavya_until));
            row.status = MembershipStatus::Left;
            row.updated_at = kavya_until;
            scene.log(kavya_until, "member.removed", None, id, None);
        }
        // Suspended: still a member, cannot sign in.
        (false, true, _) => {
            let suspended = user::Model { status: UserStatus::Suspended, updated_at: kavya_until, ..user };
            scene.rows.users.push(user::Model { last_login_at: Some(kavya_until), ..suspended });
            member(scene, id, role, at, Some(kavya_until));
            scene.log(kavya_until, "user.suspended", Some(operator), id, None);
            scene::platform_event(scene.rows, scene.dice, kavya_until, operator, "user.suspended", id);
        }
        // Pending: a super-admin added the account, an admin has yet to confirm it. No password yet either.
        (true, _, true) => {
            scene.rows.users.push(user::Model { password_hash: None, ..user });
            scene::platform_event(scene.rows, scene.dice, at, operator, "user.created", id);
            let row = member(scene, id, role, at, None);
            row.status = MembershipStatus::Pending;
            row.requested_by = Some(operator);
        }
        // Closed for good.
        (false, _, true) => {
            let closed = user::Model { status: UserStatus::Deactivated, updated_at: late, ..user };
            scene.rows.users.push(closed);
            let row = member(scene, id, role, at, None);
            row.status = MembershipStatus::Left;
            row.updated_at = late;
            scene.log(late, "user.deactivated", Some(operator), id, None);
            scene::platform_event(scene.rows, scene.dice, late, operator, "user.deactivated", id);
        }
        _ => {
            scene.rows.users.push(user::Model { last_login_at: Some(last), ..user });
            member(scene, id, role, at, Some(last));
        }
    }
}

fn member<'a>(
    scene: &'a mut Scene<'_>,
    user: UserId,
    role: OrgRole,
    at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
) -> &'a mut org_membership::Model {
    // The first admin came with the organisation, the others were invited by them.
    let inviter = scene.rows.org_memberships.iter().find(|row| row.org_id == scene.org_id).map(|row| row.user_id);
    scene.log(at, "member.added", inviter.or(Some(scene.operator)), user, Some(json!({"role": role.as_str()})));
    let row = org_membership::Model {
        org_id: scene.org_id,
        id: scene.dice.id(at),
        user_id: user,
        role,
        status: MembershipStatus::Active,
        pending_role: None,
        requested_by: None,
        request_id: None,
        requested_at: None,
        last_used_at,
        created_at: at,
        updated_at: at,
    };
    scene.rows.org_memberships.push_mut(row)
}

fn teams(scene: &mut Scene<'_>, cast: &mut Cast) {
    let mut at = scene.since + TimeDelta::hours(22);
    let admin = cast.user(Who::Ada);
    for (name, slug, description) in TEAMS {
        at += TimeDelta::minutes(3);
        let id = scene.dice.id(at);
        scene.rows.teams.push(team::Model {
            org_id: scene.org_id,
            id,
            name: name.to_owned(),
            name_folded: fold(name),
            slug: slug.to_owned(),
            description: description.to_owned(),
            created_at: at,
            updated_at: at,
        });
        scene.log(at, "team.created", Some(admin), id, Some(json!({"name": name})));
        cast.teams.push(id);
    }
    let places = PEOPLE.into_iter().zip(cast.people.clone()).filter_map(|((.., place), user)| Some((place?, user)));
    // The consultant is in one team, another one in each organisation.
    let with = if scene.is == ACME { (Team::Platform, TeamRole::Member) } else { (Team::Revenue, TeamRole::Admin) };
    for ((team, role), user) in places.chain([(with, cast.user(Who::Mina))]) {
        // Leaving the organisation leaves its teams.
        if scene.is == ACME && user == cast.user(Who::Kavya) {
            continue;
        }
        at += TimeDelta::minutes(1);
        let team_id = cast.team(team);
        scene.rows.team_memberships.push(team_membership::Model {
            org_id: scene.org_id,
            id: scene.dice.id(at),
            team_id,
            user_id: user,
            role,
            created_at: at,
        });
        let payload = json!({"user": entity::ids::TypedId::uuid(user), "role": role.as_str()});
        scene.log(at, "team.member_added", Some(admin), team_id, Some(payload));
    }
}

fn invitations(scene: &mut Scene<'_>, cast: &Cast) {
    let now = scene.now;
    for (local, role, status, age) in [
        ("olu.adeyemi", OrgRole::Member, InvitationStatus::Pending, TimeDelta::hours(30)),
        ("sofia.marin", OrgRole::Member, InvitationStatus::Revoked, TimeDelta::days(8)),
        ("jonas", OrgRole::Member, InvitationStatus::Accepted, HISTORY - TimeDelta::hours(6)),
    ] {
        let at = now - age;
        let id = scene.dice.id(at);
        scene.rows.invitations.push(invitation::Model {
            org_id: scene.org_id,
            id,
            email: format!("{local}@{}.example", scene.is.slug),
            role,
            status,
            first_admin: false,
            // Of no token that anybody knows.
            token_hash: Secret::new(scene.dice.hex(32)),
            invited_by: Some(cast.user(Who::Ada)),
            expires_at: at + TimeDelta::days(7),
            created_at: at,
            accepted_at: (status == InvitationStatus::Accepted).then(|| at + TimeDelta::hours(4)),
        });
        scene.log(at, "invitation.created", Some(cast.user(Who::Ada)), id, None);
        if status == InvitationStatus::Revoked {
            scene.log(at + TimeDelta::hours(2), "invitation.revoked", Some(cast.user(Who::Ada)), id, None);
        }
    }
}

/// The accounts that the start-up text names. They are the same at every start, whatever `now` was at the first.
pub fn logins() -> Vec<DemoLogin> {
    let login = |role, email: &str, organization, note| DemoLogin {
        role,
        email: email.to_owned(),
        password: PASSWORD,
        organization,
        note,
    };
    let (acme, globex) = (Some(ACME.name), Some(GLOBEX.name));
    vec![
        login("Acme admin", "ada@acme.example", acme, "sees and manages all of Acme, and nothing of Globex"),
        login("Acme team admin", "chiara@acme.example", acme, "Finance: its agents, members and goals"),
        login("Acme member", "dmitri@acme.example", acme, "a member of Finance"),
        login("Acme outsider", "hugo@acme.example", acme, "in no team: public and global agents only"),
        login(
            "Acme agent admin",
            "grace@acme.example",
            acme,
            "decides for Invoice reconciler, Contract reviewer and others",
        ),
        login("Globex admin", "ada@globex.example", globex, "another Ada, with agents and goals of the same names"),
        login("Globex member", "dmitri@globex.example", globex, "a member of Finance, the other one"),
        login("Member of both", CONSULTANT, None, "member of Acme, admin of Globex: switchOrganization"),
        login("Operator", OPERATOR, None, "super-admin: every name and count, never content"),
    ]
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};

    use super::*;

    #[test]
    fn the_demo_password_is_the_one_of_the_hash() {
        let hash = PasswordHash::new(PASSWORD_HASH).unwrap();
        assert!(Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).is_ok());
        assert!(Argon2::default().verify_password(b"demo-palisadf", &hash).is_err());
    }
}
