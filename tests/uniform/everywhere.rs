//! Queries and mutations, as far as the schema goes: `golden/uniform.txt` has every place that takes an id, and what it
//! answered.

use std::fmt::Write as _;

use axum::{body::Body, http::Request};
use serde_json::Value;

use super::{
    objects::{Cast, absent},
    slots::{self, Own, Slot},
};
use crate::support::{
    golden,
    shape::Shape,
    world::{Caller, World, on_both},
};

/// Everything that a caller can tell two answers apart by.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// With the id replaced.
    pub body: String,
    pub statements: u64,
}

impl Seen {
    /// The first error's code, or what there is instead of one.
    pub fn verdict(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body));
        if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
            return code.to_owned();
        }
        let mut field = body["data"].as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null);
        if let Some(inner) = field.as_object().filter(|object| object.len() == 1) {
            field = inner.values().next().unwrap();
        }
        let empty = match field {
            Value::Null => true,
            Value::Array(list) => list.is_empty() || list.iter().all(Value::is_null),
            Value::Object(object) => object.get("totalCount").is_some_and(|count| count == 0),
            _ => false,
        };
        if empty { "nothing" } else { "answered" }.to_owned()
    }
}

/// Sends a body, and has `id` replaced in what comes back.
pub async fn ask(caller: &Caller<'_>, body: &Value, id: &str) -> Seen {
    let before = caller.world.database.statements();
    let request = Request::post("/graphql").header("content-type", "application/json");
    let response = caller.respond(request, Body::from(body.to_string())).await;
    let statements = caller.world.database.statements() - before;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(id, "ID");
    let headers = response.headers().iter();
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    headers.sort();
    Seen { status: response.status().as_u16(), headers, body: text(response.body()), statements }
}

/// Asks for both ids until they are answered alike, or differently twice: that the records of refused mutations have
/// reached their number a minute in between says nothing about an id.
async fn alike(caller: &Caller<'_>, shape: &Shape, own: &Own, slot: &Slot, theirs: &str) -> Seen {
    let never = absent(theirs);
    let mut last = None;
    for _ in 0..2 {
        let one = ask(caller, &slots::body(shape, own, slot, theirs), theirs).await;
        let other = ask(caller, &slots::body(shape, own, slot, &never), &never).await;
        if one == other {
            return one;
        }
        last = Some((one, other));
    }
    let (one, other) = last.unwrap();
    panic!("{} tells an id that is there from one that is not:\n{one:?}\n{other:?}", slot.name());
}

/// Who fills the slot: whoever holds the right in its organisation.
fn caller<'c, 'w>(slot: &Slot, person: &'c Caller<'w>, key: &'c Caller<'w>, nobody: &'c Caller<'w>) -> &'c Caller<'w> {
    match slot.permission.as_deref() {
        Some("TASK_RUN" | "PLAN_PROPOSE" | "USAGE_RECORD") => key,
        Some("SIGN_IN") => nobody,
        _ => person,
    }
}

async fn foreign(world: &World, shape: &Shape, slots: &[&Slot]) -> Vec<String> {
    let cast = Cast::new(world, "globex", "PUBLIC", false).await;
    let own = cast.objects().await;
    let theirs = Cast::new(world, "acme", "PUBLIC", false).await.objects().await;
    let nobody = world.anonymous();
    let before = world.dump().await;
    let mut verdicts = Vec::new();
    for slot in slots {
        let caller = caller(slot, &cast.admin, &cast.key, &nobody);
        verdicts.push(alike(caller, shape, &own, slot, &theirs.ids[slot.kind]).await.verdict());
    }
    let after = world.dump().await;
    for (before, after) in before.iter().zip(after) {
        // `login` counts, and a key's use is noted: both leave nothing that is compared.
        assert!(before == &after, "what was asked with foreign ids changed {}", after.0);
    }
    verdicts
}

async fn hidden(world: &World, shape: &Shape, slots: &[&Slot]) -> Vec<String> {
    let cast = Cast::new(world, "acme", "PUBLIC", true).await;
    let own = cast.objects().await;
    let theirs = Cast::new(world, "acme", "TEAM", false).await.objects().await;
    let (outsider, nobody) = (world.login(Some("Acme outsider")).await, world.anonymous());
    let mut verdicts = Vec::new();
    for slot in slots {
        // Of these, an outsider sees every one of its organisation.
        if ["org", "usr", "actor", "team", "wrk"].contains(&slot.kind) {
            verdicts.push("(seen)".to_owned());
            continue;
        }
        let caller = caller(slot, &outsider, &cast.key, &nobody);
        verdicts.push(alike(caller, shape, &own, slot, &theirs.ids[slot.kind]).await.verdict());
    }
    verdicts
}

/// The same calls with one's own id: where the answer is that of a foreign one, the id was never looked for. What a call
/// changed may stand in the way of a later one, which is then made where nothing was changed.
async fn mine(mut world: World, shape: &Shape, slots: &[&Slot], foreign: &[String]) -> Vec<String> {
    let mut vacuous = Vec::new();
    let mut at = 0;
    while at < slots.len() {
        let cast = Cast::new(&world, "globex", "PUBLIC", false).await;
        let own = cast.objects().await;
        let nobody = world.anonymous();
        let mut untouched = true;
        while let Some(slot) = slots.get(at) {
            let id = &own.ids[slot.kind];
            let caller = caller(slot, &cast.admin, &cast.key, &nobody);
            let seen = ask(caller, &slots::body(shape, &own, slot, id), id).await;
            let verdict = seen.verdict();
            let told = ["FORBIDDEN", "answered"].contains(&foreign[at].as_str()) || verdict != foreign[at];
            if !untouched && (!told || verdict == "UNAUTHENTICATED") {
                break;
            }
            if !told {
                vacuous.push(format!("{} answers {verdict} to one's own id, too: {}", slot.name(), seen.body));
            }
            untouched &= slot.object != "Mutation" || verdict != "answered";
            at += 1;
        }
        drop((cast, nobody));
        world = world.fresh().await;
    }
    vacuous
}

on_both! {
    async fn every_id_of_the_schema_is_answered_alike_whether_foreign_hidden_or_absent(world) {
        let shape = Shape::new();
        let all = slots::all(&shape);
        let slots: Vec<&Slot> = all.iter().filter(|slot| slot.object != "Subscription").collect();
        let foreign = foreign(&world, &shape, &slots).await;
        let world = world.fresh().await;
        let hidden = hidden(&world, &shape, &slots).await;
        let vacuous = mine(world.fresh().await, &shape, &slots, &foreign).await;
        assert!(vacuous.is_empty(), "{vacuous:#?}");
        let mut page = String::from(
            "Every place of the schema that takes an id. `foreign` is another organisation's, `hidden` hangs off a team's\n\
             agent that the caller does not see; both were answered as an id that was never issued, to the byte and to the\n\
             statement.\n\n",
        );
        let _ = writeln!(page, "{:64} {:16} hidden", "", "foreign");
        for (at, slot) in slots.iter().enumerate() {
            let _ = writeln!(page, "{:64} {:16} {}", slot.name(), foreign[at], hidden[at]);
        }
        golden::check("uniform.txt", &page);
    }
}
