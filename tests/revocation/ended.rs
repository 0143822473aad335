//! Rights that are taken away wholly: the streams end, with the documented code, and say nothing of what came later.

use std::{collections::HashMap, time::Instant};

use chrono::{TimeDelta, Utc};
use entity::ids::OrgId;
use palisade::demo::PASSWORD;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use serde_json::{Value, json};

use super::{
    crowd::{Ask, BOUND, Crowd, Guest, Topic},
    log::{Log, head},
    stage::{Bustle, Stage, agent, goal, key, touch},
};
use crate::support::{
    server::{Caller, Node, Setup},
    world::on_both,
};

/// Who goes on: the organisation's admin, another session of somebody whose first one ends, an operator, and a key that is
/// replaced but holds for an hour more.
const STAY: [&str; 4] = ["an admin", "another session", "an operator", "a key that overlaps"];
const ELSEWHERE: &str = "an operator, of another organisation";
const ORGANIZATION: [&str; 3] = ["an admin of a suspended organisation", "a member of one", "a key of one"];

/// When somebody's right ended.
enum End {
    /// With the commit of this event, which is in the log.
    Event(&'static str, String),
    /// When the log reached so far.
    Head(i64),
}

/// Whose right ended, and when.
struct Ended {
    party: &'static str,
    guest: Guest,
    end: End,
    /// When that was answered, which is after it was committed.
    at: Instant,
}

/// Eight streams, four on a socket and four of server-sent events.
fn eight(agent: &str, goal: &str) -> Vec<Ask> {
    let (events, goal) = (|| Ask::events(None), Ask::new(Topic::Goal, json!({ "id": goal })));
    let tasks = Ask::new(Topic::Tasks, json!({ "id": agent }));
    vec![events(), events(), events(), goal, events(), events(), events(), tasks]
}

fn many(org: Option<&str>, count: usize) -> Vec<Ask> {
    vec![Ask::events(org); count]
}

/// The actors, and what the victims follow.
struct Play<'w> {
    stage: Stage<'w>,
    ada: Caller<'w>,
    operator: Caller<'w>,
    acme: OrgId,
    open: String,
    bustle: Bustle,
    ended: Vec<Ended>,
}

impl Play<'_> {
    /// Takes somebody's right away while events flow.
    async fn ends(
        &mut self,
        party: &'static str,
        guest: &Guest,
        event: Option<(&'static str, String)>,
        act: impl Future,
    ) {
        self.bustle.more(1).await;
        act.await;
        let at = Instant::now();
        let end = match event {
            Some((kind, subject)) => End::Event(kind, subject),
            None => End::Head(head(self.stage.world, self.acme).await),
        };
        // The next request is refused, whatever the streams have noticed by then.
        assert_eq!(guest.status().await, 401, "{party}");
        self.ended.push(Ended { party, guest: guest.clone(), end, at });
    }

    async fn operates(&self, mutation: &str, variables: Value) {
        self.operator.does(mutation, variables).await;
    }

    async fn manages(&self, mutation: &str, variables: Value) {
        self.ada.does(mutation, variables).await;
    }

    fn id(&self, email: &str) -> String {
        self.stage.user(email).to_string()
    }
}

on_both! {
    async fn whoever_may_not_stay_is_sent_nothing_of_what_comes_later_and_all_others_everything(world) {
        let node = Node::start(&world).await;
        let (stage, mut crowd) = (Stage { world: &world, node: &node }, Crowd::default());
        let (acme, globex) = (stage.organization("acme"), stage.organization("globex"));
        let (ada, ben) = (stage.sign_in("ada@acme.example").await, stage.sign_in("ben@acme.example").await);
        let operator = node.login("Operator").await;
        let open = agent(&ada, json!({ "name": "Open", "visibility": "PUBLIC" })).await;
        let asks = eight(&open, &goal(&ada, &open).await);

        // Everybody whose right will end, under its name.
        let mut victims: HashMap<&'static str, Guest> = HashMap::new();
        for (party, email) in [
            ("signed out", "dmitri@acme.example"),
            ("password changed", "hugo@acme.example"),
            ("switched", "mina@consulting.example"),
            ("removed", "jonas@acme.example"),
            ("suspended", "ines@acme.example"),
            ("deactivated", "esther@acme.example"),
            ("moved", "chiara@acme.example"),
            ("session expired", "grace@acme.example"),
        ] {
            victims.insert(party, Guest::from(&stage.sign_in(email).await));
        }
        let stolen = stage.session("farid@acme.example").await;
        victims.insert("token stolen", Guest { address: node.address, token: stolen.access_token.clone() });
        let mut keys = HashMap::new();
        for (name, maker) in [("key revoked", &ada), ("key replaced", &ada), ("maker demoted", &ben), (STAY[3], &ada)] {
            let made = key(maker, name, &["READ"], None).await;
            if name != STAY[3] {
                victims.insert(name, stage.with(&made));
            }
            keys.insert(name, made);
        }
        for (party, guest) in &victims {
            crowd.both(party, guest, &asks).await;
        }
        let second = stage.operator("second@palisade.example").await;
        let dismissed = Guest::from(&stage.sign_in("second@palisade.example").await);
        let (acme_id, globex_id) = (acme.to_string(), globex.to_string());
        crowd.both("dismissed", &dismissed, &many(Some(&acme_id), 8)).await;
        let theirs = stage.sign_in("ada@globex.example").await;
        let elsewhere = agent(&theirs, json!({ "name": "Open", "visibility": "PUBLIC" })).await;
        let member = stage.sign_in("dmitri@globex.example").await;
        let planner = stage.with(&key(&theirs, "Reads", &["READ"], None).await);
        let suspended = [Guest::from(&theirs), Guest::from(&member), planner];
        for (party, guest) in ORGANIZATION.into_iter().zip(&suspended) {
            crowd.both(party, guest, &many(None, 8)).await;
        }
        crowd.both(ELSEWHERE, &Guest::from(&operator), &many(Some(&globex_id), 8)).await;
        // Those who stay.
        crowd.both(STAY[0], &Guest::from(&ada), &many(None, 20)).await;
        let other = Guest::from(&stage.sign_in("dmitri@acme.example").await);
        crowd.both(STAY[1], &other, &many(None, 16)).await;
        crowd.both(STAY[2], &Guest::from(&operator), &many(Some(&acme_id), 8)).await;
        crowd.both(STAY[3], &stage.with(&keys[STAY[3]]), &many(None, 12)).await;
        // A token that will be over in a quarter of a minute, of a server with other settings.
        let brief = Setup { access_ttl: Some(TimeDelta::seconds(15)), ..Setup::default() };
        let brief = Node::with(&world, brief).await;
        let brief = Stage { world: &world, node: &brief }.session("dmitri@acme.example").await;
        let expires = Guest { address: node.address, token: brief.access_token };
        crowd.both("token expired", &expires, &asks).await;
        assert_eq!(crowd.streams.len(), 200);
        let (start, start_elsewhere) = (head(&world, acme).await, head(&world, globex).await);
        crowd.awake(async || {
            touch(&Guest::from(&ada), &open).await;
            touch(&Guest::from(&theirs), &elsewhere).await;
        }).await;

        let bustle = Bustle::begin(Guest::from(&ada), vec![open.clone()]);
        let mut play = Play { stage, ada: ada.clone(), operator: operator.clone(), acme, open, bustle, ended: Vec::new() };
        take_away(&mut play, &victims, &keys, &stolen.refresh_token).await;
        let dismiss = "mutation($id: ID!) { setSuperAdmin(userId: $id, isSuperAdmin: false) { user { id } } }";
        let act = { let operator = operator.clone(); async move { operator.does(dismiss, json!({ "id": second.to_string() })).await } };
        play.ends("dismissed", &dismissed, None, act).await;
        let act = async {
            while Utc::now() < brief.expires_at {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        play.ends("token expired", &expires, None, act).await;
        // Nothing else happens there: the streams find out by themselves.
        let suspend = "mutation($id: ID!) { suspendOrganization(id: $id) { organization { id } } }";
        play.operates(suspend, json!({ "id": globex_id })).await;
        for guest in &suspended {
            assert_eq!(guest.status().await, 401);
        }
        play.bustle.more(2).await;

        let Play { bustle, ended, open, .. } = play;
        bustle.end().await;
        touch(&Guest::from(&ada), &open).await;
        let (log, log_elsewhere) = (Log::after(&world, acme, start).await, Log::after(&world, globex, start_elsewhere).await);
        let end = head(&world, acme).await;
        let all_ended = || ended.iter().map(|ended| ended.party).chain(ORGANIZATION);
        let parties: Vec<&str> = all_ended().collect();
        assert_eq!(parties.len(), 17);
        crowd.until(|stream| parties.contains(&stream.party), |heard| heard.over).await;
        for party in &parties {
            assert!(crowd.closed(party).await.iter().all(|code| *code == 4403), "{party}");
            for stream in crowd.of(party) {
                assert_eq!(stream.heard().code.as_deref(), Some("UNAUTHENTICATED"), "{}", stream.name());
            }
        }
        for Ended { party, guest, end, at } in &ended {
            let first_forbidden = match end {
                End::Event(kind, subject) => log.last(kind, subject),
                End::Head(head) => head + 1,
            };
            for stream in crowd.of(party) {
                let later = stream.heard().last.map(|last| last.duration_since(*at));
                assert!(later.is_some_and(|later| later <= BOUND), "{} said its last word {later:?} later", stream.name());
            }
            for stream in crowd.of(party).filter(|stream| stream.topic == Topic::Events) {
                let told = stream.heard().events();
                assert!(!told.is_empty(), "{}", stream.name());
                let late = told.iter().find(|told| log.place(told) >= first_forbidden);
                assert!(late.is_none(), "{} was told of {late:?}, and its right ended before {first_forbidden}", stream.name());
            }
            assert_eq!(guest.status().await, 401, "{party}");
        }
        let suspension = log_elsewhere.last("organization.suspended", &globex_id);
        for stream in ORGANIZATION.into_iter().flat_map(|party| crowd.of(party)) {
            let told = stream.heard().events();
            assert!(!told.is_empty() && told.iter().all(|told| log_elsewhere.place(told) < suspension), "{}", stream.name());
        }
        // Those who stay miss nothing.
        let fence = |stream: &super::crowd::Stream| STAY.contains(&stream.party);
        let last = log.last("agent.updated", &open);
        crowd.until(fence, |heard| heard.events().last().is_some_and(|told| log.place(told) >= last)).await;
        for stream in crowd.streams.iter().filter(|stream| fence(stream)) {
            let told = stream.heard().events();
            log.assert_whole(&stream.name(), &told, end, |entry| match stream.party {
                _ if entry.kind == "mutation.refused" => false,
                "another session" | "a key that overlaps" => {
                    entry.subject_id.as_deref() == Some(&open) || entry.kind.starts_with("member.")
                }
                _ => true,
            });
        }
        for stream in crowd.of(ELSEWHERE) {
            let told = stream.heard().events();
            log_elsewhere.assert_whole(&stream.name(), &told, suspension, |entry| entry.kind != "mutation.refused");
        }
        println!("{} streams, {} events beside {} revocations", crowd.streams.len(), log.len(), parties.len());
    }
}

/// All that ends somebody's right in an organisation.
async fn take_away(
    play: &mut Play<'_>,
    victims: &HashMap<&'static str, Guest>,
    keys: &HashMap<&'static str, super::stage::Key>,
    refresh: &str,
) {
    let guest = |party: &str| victims[party].clone();
    let acme = play.acme.to_string();
    let (stage, ada, operator) = (play.stage, play.ada.clone(), play.operator.clone());

    let out = guest("signed out");
    play.ends("signed out", &out, None, out.does("mutation { logout }", json!({}))).await;

    let hugo = Guest::from(&stage.sign_in("hugo@acme.example").await);
    let change = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { expiresAt } }";
    let input = json!({ "input": { "currentPassword": PASSWORD, "newPassword": "quince marmalade on rye" } });
    play.ends("password changed", &guest("password changed"), None, hugo.does(change, input)).await;

    let again = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { expiresAt } }";
    let input = json!({ "input": { "refreshToken": refresh } });
    ada.does(again, input.clone()).await;
    let twice = async { assert_eq!(ada.query(again, input).await.code(), Some("UNAUTHENTICATED")) };
    play.ends("token stolen", &guest("token stolen"), None, twice).await;

    let switched = guest("switched");
    let switch = "mutation($id: ID!) { switchOrganization(organizationId: $id) { expiresAt } }";
    let input = json!({ "id": stage.organization("globex").to_string() });
    play.ends("switched", &switched, None, switched.does(switch, input)).await;

    let id = play.id("jonas@acme.example");
    let remove = "mutation($id: ID!) { removeMember(input: { userId: $id }) { organization { id } } }";
    let act = ada.does(remove, json!({ "id": id }));
    play.ends("removed", &guest("removed"), Some(("member.removed", id)), act).await;

    let id = play.id("ines@acme.example");
    let suspend = "mutation($id: ID!) { suspendUser(id: $id) { user { id } } }";
    let act = operator.does(suspend, json!({ "id": id }));
    play.ends("suspended", &guest("suspended"), Some(("user.suspended", id)), act).await;

    let id = play.id("esther@acme.example");
    let deactivate = "mutation($id: ID!) { deactivateUser(id: $id) { user { id } } }";
    let act = operator.does(deactivate, json!({ "id": id }));
    play.ends("deactivated", &guest("deactivated"), Some(("user.deactivated", id)), act).await;

    let id = play.id("chiara@acme.example");
    let go = "mutation($input: MoveUserInput!) { moveUser(input: $input) { user { id } } }";
    let to = stage.organization("globex").to_string();
    let input = json!({ "userId": id, "fromOrganizationId": acme, "toOrganizationId": to, "role": "MEMBER" });
    let act = operator.does(go, json!({ "input": input }));
    play.ends("moved", &guest("moved"), Some(("member.removed", id)), act).await;

    let id = keys["key revoked"].id.clone();
    let revoke = "mutation($id: ID!) { revokeServiceAccount(id: $id) { serviceAccount { id } } }";
    let act = ada.does(revoke, json!({ "id": id }));
    play.ends("key revoked", &guest("key revoked"), Some(("service_account.revoked", id)), act).await;

    let rotate = "mutation($id: ID!, $hours: Int!) { rotateServiceAccountKey(id: $id, overlapHours: $hours) { key } }";
    play.manages(rotate, json!({ "id": keys[STAY[3]].id, "hours": 1 })).await;
    let id = keys["key replaced"].id.clone();
    let act = ada.does(rotate, json!({ "id": id, "hours": 0 }));
    play.ends("key replaced", &guest("key replaced"), Some(("service_account.key_rotated", id)), act).await;

    let id = play.id("ben@acme.example");
    let demote =
        "mutation($id: ID!) { updateMemberRole(input: { userId: $id, role: MEMBER }) { membership { role } } }";
    let act = ada.does(demote, json!({ "id": id }));
    play.ends("maker demoted", &guest("maker demoted"), Some(("member.role_changed", id)), act).await;

    // By the clock, which no event tells of.
    use entity::session::{Column, Entity};
    let over = Entity::update_many().col_expr(Column::ExpiresAt, Expr::value(Utc::now()));
    let over = over.filter(Column::UserId.eq(stage.user("grace@acme.example")));
    let act = async { assert_eq!(over.exec(&stage.world.root).await.unwrap().rows_affected, 1) };
    play.ends("session expired", &guest("session expired"), None, act).await;
}
