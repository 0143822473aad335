//! A marker in every column that not everybody may read: it shows to whom it is for, and in nothing that anybody else gets.

use std::collections::{BTreeMap, BTreeSet};

use entity::table::Class;
use serde_json::json;

use super::{
    asking, columns,
    columns::columns,
    log,
    marker::{Marks, NUMBER},
};
use crate::{
    authz::mutations,
    support::{
        shape::Shape,
        world::{Caller, World, on_both},
    },
};

const KEY: &str = "mutation($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) { key } }";

/// A key of Acme's with these scopes, for every agent.
async fn key<'w>(world: &'w World, admin: &Caller<'w>, scopes: &[&str]) -> Caller<'w> {
    let input = json!({ "input": { "name": "A key", "scopes": scopes } });
    let made = admin.send(KEY, input).await.data()["createServiceAccount"]["key"].as_str().unwrap().to_owned();
    Caller { world, token: Some(made) }
}

/// What a viewer may be shown: the letters of markers.
struct Asked<'w> {
    name: &'static str,
    caller: Caller<'w>,
    entitled: &'static [char],
    /// Whether it reads numbers that not everybody may read.
    numbers: bool,
}

async fn callers(world: &World) -> Vec<Asked<'_>> {
    let admin = world.acme_admin().await;
    let asked = |name, caller, entitled, numbers| Asked { name, caller, entitled, numbers };
    vec![
        asked("Acme's admin", admin.clone(), &['a', 't', 'p'], true),
        asked("Globex's admin", world.globex_admin().await, &['g', 'p'], true),
        asked("somebody of Acme in no team", world.login(Some("Acme outsider")).await, &['a', 'p'], true),
        asked("an operator", world.operator().await, &[], false),
        asked("nobody", world.anonymous(), &[], false),
        asked("a key that may only read", key(world, &admin, &["READ"]).await, &[], false),
        asked("a key that reports usage", key(world, &admin, &["USAGE_WRITE"]).await, &[], false),
        asked("a key for chats", key(world, &admin, &["CHAT_WRITE", "READ"]).await, &['a', 't'], true),
        asked("a key for tasks", key(world, &admin, &["TASKS_RUN", "READ"]).await, &['a', 't', 'p'], true),
        asked("a token that does not hold", Caller { world, token: Some("pal_no_key_at_all".to_owned()) }, &[], false),
    ]
}

/// The columns whose marker a viewer was shown, and the letters.
fn shown(marks: &Marks, answers: &[String]) -> BTreeMap<usize, BTreeSet<char>> {
    let mut shown: BTreeMap<usize, BTreeSet<char>> = BTreeMap::new();
    for answer in answers {
        for marker in marks.raw(answer) {
            let number = marker[1..3].parse().unwrap_or_else(|_| panic!("{marker} is no marker"));
            shown.entry(number).or_default().insert(marker.chars().next().unwrap());
        }
        for column in columns().iter().filter(|column| column.is_number()) {
            if answer.contains(&format!("{NUMBER}{:02}", column.number)) {
                shown.entry(column.number).or_default();
            }
        }
    }
    shown
}

on_both! {
    async fn content_shows_to_whom_it_is_for_and_in_nothing_that_anybody_else_gets(world) {
        log::listen();
        let marks = Marks::new();
        let callers = callers(&world).await;
        columns::mark(&world, &marks).await;
        let shape = Shape::new();
        let mut seen = BTreeMap::new();
        for Asked { name, caller, entitled, numbers } in &callers {
            let answers = asking::everything(&world, caller, &shape).await;
            for answer in &answers {
                if entitled.is_empty() {
                    marks.hold(&format!("what {name} is answered"), answer);
                }
                for marker in marks.raw(answer) {
                    let letter = marker.chars().next().unwrap();
                    assert!(entitled.contains(&letter), "{name} is shown {marker} of seed {}: {answer}", marks.seed);
                }
                assert!(*numbers || !answer.contains(NUMBER), "{name} is shown a number: {answer}");
            }
            seen.insert(*name, (shown(&marks, &answers), answers.iter().map(String::len).sum::<usize>()));
        }
        // The other way round: whoever is not shown what is its own would prove nothing of others.
        for column in columns() {
            let shown_to = |name: &str, letters: &[char]| {
                let found = seen[name].0.get(&column.number);
                found.is_some_and(|found| letters.is_empty() || letters.iter().any(|letter| found.contains(letter)))
            };
            let path = column.path();
            if !column.shown {
                assert!(!seen.keys().any(|name| shown_to(name, &[])) || path == "goals.goal_text_folded", "{path} is shown");
                continue;
            }
            assert_eq!(column.class, Class::Confidential);
            if column.is_number() {
                assert!(shown_to("Acme's admin", &[]) && shown_to("Globex's admin", &[]), "{path} is never shown");
            } else if column.table.starts_with("global_") {
                assert!(shown_to("Acme's admin", &['p']), "{path} is never shown");
            } else {
                assert!(shown_to("Acme's admin", &['t']), "{path} is never shown in Acme");
                assert!(shown_to("Globex's admin", &['g']), "{path} is never shown in Globex");
            }
        }
        for (name, (_, bytes)) in &seen {
            assert!(*bytes > 20_000, "{name} was answered {bytes} bytes in all: it was asked next to nothing");
        }
        let outsider = &seen["somebody of Acme in no team"].0;
        assert!(outsider.len() > 10, "{outsider:?}");

        // Folded text has no field: it is found by whom it is for, and nobody else may look for it.
        let search = "query($text: String) { goals(filter: { search: $text }) { totalCount } }";
        let word = json!({ "text": marks.word });
        for Asked { name, caller, entitled, .. } in &callers {
            let reply = caller.send(search, word.clone()).await;
            let finds = reply.body["data"]["goals"]["totalCount"].as_i64().unwrap_or(0) > 0;
            assert_eq!(finds, entitled.contains(&'a') && *name != "a key for chats" || entitled.contains(&'g'), "{name}: {}", reply.text);
        }

        // Whatever is done by an operator to what it does not read, it is not shown it on the way.
        let operator = &callers.iter().find(|asked| asked.name == "an operator").unwrap().caller;
        let mut cases = mutations::cases(&world);
        // What ends everything comes last.
        cases.sort_by_key(|(name, _, _)| ["archiveOrganization", "deactivateUser", "suspendOrganization"].contains(name));
        let mut done = 0;
        for (name, how, variables) in cases {
            let payload = &shape.fields("Mutation").iter().find(|field| field.name == name).unwrap().of;
            let document = mutations::document(name, &variables);
            let document = document.replace("{ __typename }", &format!("{{ __typename {} }}", shape.selection(payload, 1)));
            let answer = asking::ask(operator, &document, variables).await;
            marks.hold(&format!("what an operator is answered for {name} {how}"), &answer);
            assert!(!answer.contains(NUMBER), "{name} {how}: {answer}");
            done += usize::from(!answer.contains("\"errors\""));
        }
        assert!(done > 12, "only {done} mutations were done");

        let said = log::said();
        assert!(said.contains("palisade::request") && said.contains("sqlx"), "the log was not heard");
        marks.hold("the log", &said);
        assert!(!said.contains(NUMBER), "the log holds a number that is content");
    }
}
