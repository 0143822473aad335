//! One rule, read four times: by the law as this test reads it, by the SQL predicate, by the decision in memory and by
//! what is answered over GraphQL. In worlds made by chance, for every viewer and every row, all of them agree.
//!
//! `PALISADE_TEST_SEED` chooses other worlds. A disagreement is printed with the smallest world that still has it.

mod ask;
mod law;
mod object;
mod rows;
mod seen;
mod sketch;
mod who;
mod work;

use std::{collections::BTreeSet, env, fmt::Write as _, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enums::OrgRole,
    ids::{OrgId, SessionId, SigningKeyId, TeamId, UserId},
};
use palisade::{
    auth::token::Claims,
    clock::Clock,
    policy::{Outcome, Permission},
    service::auth::Proof,
    viewer::Viewer,
};

use crate::support::world::{self, on_both};
use ask::Door;
use law::Law;
use object::Object;
use rows::Ids;
use seen::Seen;
use sketch::{Dice, Fact};
use who::Who;

const SEED: u64 = 20_261_122;
const WORLDS: u64 = 40;

/// A place to check worlds in.
struct Bench<'w> {
    world: &'w world::World,
    door: Door,
    clock: Clock,
    now: DateTime<Utc>,
}

on_both! {
    async fn every_reading_of_the_rule_agrees_for_every_viewer_and_object(world) {
        let seed = env::var("PALISADE_TEST_SEED").map_or(SEED, |text| text.parse().expect("a number"));
        let now: DateTime<Utc> = "2026-11-22T09:00:00Z".parse().unwrap();
        // Ids of its own, after all that the demo has.
        let clock = Clock::fixed(now + TimeDelta::days(1), TimeDelta::milliseconds(1));
        let bench = Bench { world: &world, door: Door::new(), clock, now };
        let mut seen = Seen::default();
        for turn in 0..WORLDS {
            let facts = sketch::generate(&mut Dice(seed.wrapping_mul(1_000_003).wrapping_add(turn)));
            if let Err(found) = bench.check(&facts, turn, &mut seen).await {
                let (facts, found) = bench.shrink(facts, turn, found).await;
                panic!("seed {seed}, world {turn}:\n{found}\nin the world\n{facts:#?}");
            }
        }
        seen.suffices();
    }
}

fn kind(object: Object) -> String {
    let text = format!("{object:?}");
    text.split('(').next().unwrap().to_owned()
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::Hide => "hide",
        Outcome::Forbid => "forbid",
        Outcome::SignIn => "sign in",
    }
}

/// Chance that depends on who asks about what, and not on how many came before: it stays when the world is made smaller.
fn chance(turn: u64, text: &str) -> Dice {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    Dice(hash ^ turn)
}

impl Bench<'_> {
    /// Stores the world and compares all readings; the first disagreement in words.
    async fn check(&self, facts: &[Fact], turn: u64, seen: &mut Seen) -> Result<(), String> {
        let world = sketch::World(facts.to_vec());
        let ids = Ids::new(&self.clock);
        rows::insert(&self.world.root, &ids, &world, self.now).await;
        let law = Law { world: &world };
        for who in self.viewers(&world, &ids, turn, seen).await? {
            self.asks(&law, &ids, &who, turn, seen).await.map_err(|found| format!("{who:?}: {found}"))?;
        }
        Ok(())
    }

    /// Everybody who may ask, loaded by the server from the rows and found to be who the law says.
    async fn viewers(
        &self,
        world: &sketch::World,
        ids: &Ids<'_>,
        turn: u64,
        seen: &mut Seen,
    ) -> Result<Vec<Who>, String> {
        let mut all = Vec::new();
        let people: Vec<usize> =
            world.0.iter().filter_map(|fact| if let Fact::Person { n, .. } = fact { Some(*n) } else { None }).collect();
        let mut outside = false;
        for person in people {
            for org in [None, Some(0), Some(1)] {
                let wanted = who::who(world, person, org);
                let loaded = self.load(world, ids, person, org, None).await;
                same(ids, loaded.as_ref(), wanted.as_ref())?;
                match wanted {
                    None => *seen.viewers.entry("nobody").or_default() += 1,
                    // They see nothing, and one is as good as another.
                    Some(Who::Outside { .. }) if outside => {}
                    Some(who) => {
                        outside |= matches!(who, Who::Outside { .. });
                        let mut dice = chance(turn, &format!("{person} {org:?}"));
                        if let Who::Member { teams, role, .. } = &who {
                            if dice.percent(30) {
                                let mut scoped = who.clone();
                                if let Who::Member { scopes, .. } = &mut scoped {
                                    *scopes = Some(sketch::scopes(&mut dice));
                                }
                                all.push(scoped);
                            }
                            if *role == OrgRole::Admin || !teams.is_empty() && dice.percent(20) {
                                let kept = teams
                                    .iter()
                                    .filter(|_| dice.percent(50))
                                    .map(|(team, role)| (*team, *role))
                                    .collect();
                                let less = Who::Member {
                                    person,
                                    org: org.unwrap(),
                                    role: OrgRole::Member,
                                    teams: kept,
                                    scopes: None,
                                };
                                let loaded = self.load(world, ids, person, org, Some(&less)).await;
                                same(ids, loaded.as_ref(), Some(&less))?;
                                all.push(less);
                            }
                        }
                        all.push(who);
                    }
                }
            }
        }
        for fact in &world.0 {
            if let Fact::Key { n, org, .. } = fact {
                let wanted = who::key(world, *n);
                let loaded = self.world.rooms.identity().authenticate_token(&rows::key_text(ids, *n, *org)).await.ok();
                same(ids, loaded.as_ref(), wanted.as_ref())?;
                all.extend(wanted);
            }
        }
        Ok(all)
    }

    /// Loads a session's viewer as the server does, once the token is proved; a token may claim less than the rows give.
    async fn load(
        &self,
        world: &sketch::World,
        ids: &Ids<'_>,
        person: usize,
        org: Option<usize>,
        less: Option<&Who>,
    ) -> Option<Viewer> {
        let claims = Claims {
            user_id: ids.id::<UserId>("person", person),
            session_id: ids.id::<SessionId>("session", rows::session(person, org)),
            is_super_admin: world.any(|fact| matches!(fact, Fact::Person { n, operator: true, .. } if *n == person)),
            org_id: org.map(|org| ids.id::<OrgId>("org", org)),
            org_role: less.map(|_| OrgRole::Member),
            team_ids: less.map(|who| match who {
                Who::Member { teams, .. } => teams.keys().map(|team| ids.id::<TeamId>("team", *team)).collect(),
                _ => Default::default(),
            }),
            scopes: Vec::new(),
            issued_at: self.now,
            expires_at: self.now + TimeDelta::days(2_000),
            key_id: self.clock.id::<SigningKeyId>(),
        };
        self.world.rooms.identity().viewer(&Proof::Ours(Arc::new(claims))).await.ok()
    }

    /// Compares what everything says about every object to one viewer.
    async fn asks(&self, law: &Law<'_>, ids: &Ids<'_>, who: &Who, turn: u64, seen: &mut Seen) -> Result<(), String> {
        let kind_of_viewer = match who {
            Who::Member { scopes: Some(_), .. } => "scoped",
            Who::Member { .. } => "member",
            Who::Key { .. } => "key",
            Who::Operator { .. } => "operator",
            Who::Outside { .. } => "outside",
        };
        *seen.viewers.entry(kind_of_viewer).or_default() += 1;
        let viewer = ask::viewer(ids, who);
        let objects = object::objects(law.world);
        let mut shown = ask::by_sql(&self.world.root, &viewer, ids).await;
        // The platform's own rows are every world's, and an operator sees every world.
        let operator = matches!(who, Who::Operator { .. });
        let ours: BTreeSet<_> = objects.iter().map(|object| ask::key(ids, law.world, *object)).collect();
        shown.retain(|row| {
            let shared = row.0.starts_with("global_") || operator && ["users", "organizations"].contains(&row.0);
            !shared || ours.contains(row)
        });
        let mut questions: Vec<(Object, Permission)> = Vec::new();
        for object in &objects {
            let sees = law.sees(who, *object);
            seen.pairs += 1;
            *seen.rows.entry((kind(*object), sees)).or_default() += 1;
            let by_sql = shown.remove(&ask::key(ids, law.world, *object));
            if by_sql != sees {
                return Err(format!("{object:?} by the law is visible: {sees}; by SQL: {by_sql}"));
            }
            let decided = ask::by_decision(ids, law, who, &viewer, None, *object);
            if decided.is_some_and(|outcome| (outcome == Outcome::Allow) != sees) {
                return Err(format!("{object:?} by the law is visible: {sees}; by the decision: {decided:?}"));
            }
            if let [read, others @ ..] = object::questions(*object) {
                questions.push((*object, *read));
                if !others.is_empty() {
                    questions.push((*object, chance(turn, &format!("{who:?} {object:?}")).pick(others)));
                }
            }
        }
        if let Some((table, key)) = shown.pop_first() {
            let names: Vec<String> = key.iter().map(|id| ids.name(*id)).collect();
            return Err(format!("SQL shows a row of {table} that is none of the world's: {names:?}"));
        }
        self.may(law, ids, who, &viewer, &questions, seen).await?;
        self.looks_up(law, ids, who, &viewer, &objects).await
    }

    /// `viewerCan` and the decision in memory, about reading and about one thing more.
    async fn may(
        &self,
        law: &Law<'_>,
        ids: &Ids<'_>,
        who: &Who,
        viewer: &Viewer,
        questions: &[(Object, Permission)],
        seen: &mut Seen,
    ) -> Result<(), String> {
        let mut query = String::from("{");
        for (at, (object, permission)) in questions.iter().enumerate() {
            let id = ask::gid(ids, *object).unwrap();
            write!(query, " q{at}: viewerCan(permission: {}, id: \"{id}\") {{ allowed rule }}", permission.as_str())
                .unwrap();
        }
        query.push('}');
        let answer = self.door.ask(self.world, viewer, query).await;
        for (at, (object, permission)) in questions.iter().enumerate() {
            let answer = &answer[format!("q{at}")];
            let told = match (answer["allowed"].as_bool().unwrap(), answer["rule"].as_str().unwrap()) {
                (true, _) => Outcome::Allow,
                (false, "not_found") => Outcome::Hide,
                (false, _) => Outcome::Forbid,
            };
            let wanted = law.may(who, *permission, *object);
            *seen.answers.entry((kind(*object), word(wanted))).or_default() += 1;
            let permission = permission.as_str();
            if told != wanted {
                return Err(format!("{permission} of {object:?} by the law: {wanted:?}; by viewerCan: {answer}"));
            }
            let decided = ask::by_decision(ids, law, who, viewer, Some(questions[at].1), *object);
            // What SQL hides for a missing scope, the decision alone forbids.
            let exact = wanted != Outcome::Hide || matches!(who, Who::Member { scopes: None, .. });
            let agrees = |decided| decided == wanted || !exact && decided != Outcome::Allow;
            if decided.is_some_and(|decided| !agrees(decided)) {
                return Err(format!("{permission} of {object:?} by the law: {wanted:?}; by the decision: {decided:?}"));
            }
        }
        Ok(())
    }

    /// What is found by id, and what an agent says that one may do with it.
    async fn looks_up(
        &self,
        law: &Law<'_>,
        ids: &Ids<'_>,
        who: &Who,
        viewer: &Viewer,
        objects: &[Object],
    ) -> Result<(), String> {
        if !who.looks_up() {
            return Ok(());
        }
        let asked: Vec<(Object, String)> =
            objects.iter().filter_map(|object| Some((*object, ask::gid(ids, *object)?))).collect();
        for part in asked.chunks(100) {
            let wanted: Vec<&String> = part.iter().map(|(_, id)| id).collect();
            let query = format!(
                "{{ nodes(ids: {wanted:?}) {{ id ... on Agent {{ viewerCanUse viewerCanUpdate viewerCanAdminister viewerCanApprove }} }} }}"
            );
            let answer = self.door.ask(self.world, viewer, query).await;
            for (at, (object, id)) in part.iter().enumerate() {
                let node = &answer["nodes"][at];
                let sees = law.sees(who, *object);
                if sees != (node["id"] == id.as_str()) {
                    return Err(format!("{object:?} by the law is visible: {sees}; by its id: {node}"));
                }
                if sees && matches!(object, Object::Agent(_) | Object::Global(_)) {
                    flags(law, who, *object, node)?;
                }
            }
        }
        Ok(())
    }

    /// The smallest world that still has a disagreement, by leaving facts out.
    async fn shrink(&self, mut facts: Vec<Fact>, turn: u64, mut found: String) -> (Vec<Fact>, String) {
        let mut part = facts.len() / 2;
        while part > 0 {
            let mut at = 0;
            while at < facts.len() {
                let mut fewer = facts.clone();
                fewer.drain(at..facts.len().min(at + part));
                let fewer = sketch::sound(&fewer);
                match self.check(&fewer, turn, &mut Seen::default()).await {
                    Err(still) => (facts, found) = (fewer, still),
                    Ok(()) => at += part,
                }
            }
            part /= 2;
        }
        (facts, found)
    }
}

fn same(ids: &Ids<'_>, loaded: Option<&Viewer>, wanted: Option<&Who>) -> Result<(), String> {
    let agree = match (loaded, wanted) {
        (None, None) => true,
        (Some(loaded), Some(wanted)) => ask::same(loaded, &ask::viewer(ids, wanted)),
        _ => false,
    };
    if agree { Ok(()) } else { Err(format!("{wanted:?} by the law; loaded: {loaded:?}")) }
}

fn flags(law: &Law<'_>, who: &Who, object: Object, node: &serde_json::Value) -> Result<(), String> {
    let operator = matches!(who, Who::Operator { .. });
    let changes = |permission| match object {
        // Of a global agent it is asked whether one may change the platform's.
        Object::Global(_) => operator,
        _ => law.may(who, permission, object) == Outcome::Allow,
    };
    for (flag, wanted) in [
        ("viewerCanUse", law.may(who, Permission::GoalSubmit, object) == Outcome::Allow),
        ("viewerCanUpdate", changes(Permission::AgentUpdate)),
        ("viewerCanAdminister", changes(Permission::AgentAdminister)),
        ("viewerCanApprove", law.may(who, Permission::ApprovalDecide, object) == Outcome::Allow),
    ] {
        if node[flag] != wanted {
            return Err(format!("{flag} of {object:?} by the law: {wanted}; answered: {}", node[flag]));
        }
    }
    Ok(())
}
