//! What arguments are made of: ids of both organisations, ids that answers showed, addresses, names, words.

use std::collections::BTreeMap;

use entity::ids::OrgId;
use palisade::demo::DemoPlatform;

use super::dice::Dice;

/// Ids of one prefix.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Of the viewer's side.
    pub own: Vec<String>,
    /// Of the other organisation, in either world.
    pub foreign: Vec<String>,
    /// Those of them that only one of the worlds has.
    pub odd: Vec<String>,
    /// Seen in answers.
    pub seen: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Pools {
    pub shelves: BTreeMap<String, Shelf>,
    pub emails: Vec<String>,
    pub slugs: Vec<String>,
    pub words: Vec<String>,
    pub events: Vec<String>,
    pub kinds: Vec<String>,
    /// Task, worker and attempt of tasks that somebody works on.
    pub running: Vec<(String, String, i64)>,
}

/// Seen ids of one prefix that are kept.
const SEEN: usize = 60;

fn note(into: &mut Vec<String>, what: &str) {
    if !into.iter().any(|known| known == what) {
        into.push(what.to_owned());
    }
}

impl Pools {
    /// Of the platforms of both worlds. Rows of `other` are foreign; without it none are.
    pub fn of(plans: &[&DemoPlatform], other: Option<OrgId>) -> Self {
        let mut pools = Self::default();
        for plan in plans {
            pools.add(plan, other);
        }
        for word in ["a", "in", "the", "Zebra", "quartz", "Globex", "Acme", "%", "_"] {
            note(&mut pools.words, word);
        }
        for shelf in pools.shelves.values_mut() {
            for ids in [&mut shelf.own, &mut shelf.foreign] {
                ids.sort_unstable();
            }
            let odd = shelf.foreign.chunk_by(|one, next| one == next).filter(|same| same.len() < plans.len());
            shelf.odd = odd.map(|same| same[0].clone()).collect();
            shelf.own.dedup();
            shelf.foreign.dedup();
        }
        pools
    }

    fn add(&mut self, plan: &DemoPlatform, other: Option<OrgId>) {
        macro_rules! tenant {
            ($($rows:ident),*) => {
                $(for row in &plan.$rows { self.put(&row.id.to_string(), Some(row.org_id) == other); })*
            };
        }
        tenant!(invitations, teams, agents, service_accounts, workers, goals, agent_documents, executions);
        tenant!(tasks, approval_requests, chat_sessions, chat_messages, events, workspace_files);
        for row in &plan.organizations {
            self.put(&row.id.to_string(), Some(row.id) == other);
            note(&mut self.slugs, &row.slug);
            note(&mut self.words, &row.name);
        }
        for row in &plan.global_agents {
            self.put(&row.id.to_string(), false);
        }
        for row in &plan.users {
            let theirs = |of: &&entity::org_membership::Model| of.user_id == row.id && Some(of.org_id) != other;
            self.put(&row.id.to_string(), !row.is_super_admin && !plan.org_memberships.iter().any(|of| theirs(&of)));
            note(&mut self.emails, &row.email);
            note(&mut self.words, row.name.split(' ').next().unwrap());
        }
        for row in &plan.invitations {
            note(&mut self.emails, &row.email);
        }
        for name in plan.agents.iter().map(|row| &row.name).chain(plan.teams.iter().map(|row| &row.name)) {
            note(&mut self.words, name.split(' ').next().unwrap());
        }
        for row in &plan.events {
            note(&mut self.events, &row.kind);
        }
        for row in &plan.tasks {
            note(&mut self.kinds, &row.kind);
            if let (Some(worker), None) = (row.worker_id, row.finished_at) {
                let known = (row.id.to_string(), worker.to_string(), i64::from(row.attempt));
                if Some(row.org_id) != other && !self.running.contains(&known) {
                    self.running.push(known);
                }
            }
        }
    }

    fn put(&mut self, id: &str, foreign: bool) {
        let (prefix, _) = id.rsplit_once('_').unwrap();
        let shelf = self.shelves.entry(prefix.to_owned()).or_default();
        if foreign { &mut shelf.foreign } else { &mut shelf.own }.push(id.to_owned());
    }

    /// Takes note of an id that an answer shows.
    pub fn saw(&mut self, id: &str) {
        let Some((prefix, digits)) = id.rsplit_once('_') else { return };
        if digits.len() != 26 {
            return;
        }
        let seen = &mut self.shelves.entry(prefix.to_owned()).or_default().seen;
        note(seen, id);
        if seen.len() > SEEN {
            seen.remove(0);
        }
    }

    /// Forgets what answers showed: the worlds are new.
    pub fn forget(&mut self) {
        self.shelves.values_mut().for_each(|shelf| shelf.seen.clear());
    }

    /// An id of the kind: mostly one that leads somewhere, else another's, or one that was never given.
    pub fn id(&self, prefix: &str, dice: &mut Dice) -> String {
        let chance = dice.below(100);
        let empty = Shelf::default();
        let shelf = self.shelves.get(prefix).unwrap_or(&empty);
        let from = match chance {
            0..3 => return if dice.percent(50) { "agt_".to_owned() } else { self.id("goal", dice) },
            3..8 => return format!("{prefix}_{:0>26}", dice.below(9999)),
            8..15 => &shelf.odd,
            15..20 => &shelf.foreign,
            20..34 => &shelf.own,
            _ => &shelf.seen,
        };
        let from = [from, &shelf.own, &shelf.seen, &shelf.foreign].into_iter().find(|ids| !ids.is_empty());
        from.map_or_else(|| format!("{prefix}_{:0>26}", 1), |ids| dice.pick(ids).clone())
    }

    /// An id of the kind that leads somewhere, as far as there is one.
    pub fn good(&self, prefix: &str, dice: &mut Dice) -> String {
        let Some(shelf) = self.shelves.get(prefix) else { return self.id(prefix, dice) };
        let from = if dice.percent(60) && !shelf.seen.is_empty() { &shelf.seen } else { &shelf.own };
        if from.is_empty() { self.id(prefix, dice) } else { dice.pick(from).clone() }
    }

    /// Of any kind.
    pub fn any(&self, dice: &mut Dice) -> String {
        let prefixes: Vec<&String> = self.shelves.keys().collect();
        let prefix = (*dice.pick(&prefixes)).clone();
        self.id(&prefix, dice)
    }
}
