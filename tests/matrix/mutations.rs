//! Every mutation, on every object, by everybody: answered as the table says, and what is refused has changed nothing.

use std::{collections::BTreeMap, fmt::Write as _};

use palisade::policy::Permission;
use serde_json::Value;

use super::{
    cases::{Case, cases},
    cast::ACTORS,
    reading::{Verdict, verdict},
    schema::{self, Field},
    stage::Stage,
};
use crate::support::{golden, world::Reply};

pub fn document(kind: &str, name: &str, field: &Field, variables: &Value) -> String {
    let names: Vec<&String> = variables.as_object().unwrap().keys().collect();
    let declared: Vec<String> = names.iter().map(|name| format!("${name}: {}", field.arguments[*name])).collect();
    let passed: Vec<String> = names.iter().map(|name| format!("{name}: ${name}")).collect();
    let around = |list: Vec<String>| if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
    let selection = if field.leaf { "" } else { " { __typename }" };
    format!("{kind}{} {{ {name}{}{selection} }}", around(declared), around(passed))
}

/// What a reply says, in the words of the expectation.
fn answered(reply: &Reply) -> Verdict {
    if reply.status == 401 {
        return Verdict::Gone;
    }
    match reply.code() {
        None => Verdict::Allow,
        Some("FORBIDDEN") => Verdict::Forbid,
        Some("NOT_FOUND") => Verdict::Hide,
        Some("UNAUTHENTICATED") => Verdict::SignIn,
        Some("CONFLICT") => Verdict::State("CONFLICT"),
        Some("VALIDATION") => Verdict::State("VALIDATION"),
        Some(_) => panic!("{}", reply.text),
    }
}

pub const fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Allow => 'Y',
        Verdict::Forbid => 'x',
        Verdict::Hide => '0',
        Verdict::SignIn => '!',
        Verdict::Gone => '-',
        Verdict::State(word) => word.as_bytes()[0].to_ascii_lowercase() as char,
    }
}

struct Run {
    stage: Stage,
    fields: BTreeMap<String, Field>,
    rows: BTreeMap<String, Permission>,
    before: BTreeMap<String, String>,
    wrong: Vec<String>,
    /// Cells since the tables were last looked at, none of which should have changed any.
    refused: Vec<String>,
    done: usize,
}

impl Run {
    async fn new(stage: Stage) -> Self {
        let fields = schema::fields(&stage.caller(super::cast::named("ada")), "mutationType").await;
        let before = stage.dump().await;
        let rows = schema::rows("Mutation");
        Self { stage, fields, rows, before, wrong: Vec::new(), refused: Vec::new(), done: 0 }
    }

    /// One mutation on one object, by everybody; answers the marks.
    async fn case(&mut self, case: &Case) -> Vec<char> {
        let mut marks = Vec::new();
        for actor in ACTORS {
            let mut variables = (case.input)(actor);
            if case.field == "refreshSession" {
                variables["input"]["refreshToken"] = Value::from(self.stage.refresh.clone());
            }
            let document = document("mutation", case.field, &self.fields[case.field], &variables);
            let by_table = verdict(actor, self.rows[case.field], &(case.needs)(actor));
            let wanted = (case.twist)(actor, by_table);
            if wanted == Verdict::Allow {
                self.nothing_changed().await;
            }
            let reply = self.stage.caller(actor).send(&document, variables).await;
            let got = answered(&reply);
            let cell = format!("{} {} by {}", case.field, case.on, actor.name);
            if wanted != got {
                self.wrong.push(format!("{cell}: {got:?} instead of {wanted:?}: {}", reply.text));
            }
            if got == Verdict::Allow {
                // Where it should not have been, those before it can no more be told from it.
                self.refused.clear();
                let changed = self.changed().await;
                if changed.is_empty() {
                    self.wrong.push(format!("{cell}: allowed, and nothing changed: {}", reply.text));
                }
                self.stage.restore(&changed).await;
            } else {
                self.refused.push(cell);
            }
            marks.push(mark(got));
            self.done += 1;
        }
        self.nothing_changed().await;
        marks
    }

    /// The tables that are not as they were.
    async fn changed(&self) -> Vec<String> {
        let after = self.stage.dump().await;
        after.into_iter().filter(|(name, rows)| self.before[name] != *rows).map(|(name, _)| name).collect()
    }

    /// Looks at the tables once for all that was refused since the last time.
    async fn nothing_changed(&mut self) {
        if self.refused.is_empty() {
            return;
        }
        let tables = self.changed().await;
        if !tables.is_empty() {
            self.wrong.push(format!("{tables:?} changed by one of {:?}, all refused", self.refused));
            self.stage.restore(&tables).await;
        }
        self.refused.clear();
    }
}

/// How many cells there must be, from the schema: each field on each of its objects, by each actor.
fn expected_cells(fields: &BTreeMap<String, Field>, all: &[Case]) -> usize {
    let objects = |name: &String| {
        let of_field = all.iter().filter(|case| case.field == name).count();
        assert!(of_field > 0, "{name} has no case: add one to tests/matrix/cases.rs");
        of_field
    };
    fields.keys().map(objects).sum::<usize>() * ACTORS.len()
}

async fn run(stage: Stage) {
    let all = cases();
    let mut run = Run::new(stage).await;
    let guarded: Vec<&String> = run.rows.keys().collect();
    assert_eq!(guarded, run.fields.keys().collect::<Vec<_>>(), "a field of `Mutation` without `@requires`");
    let cells = expected_cells(&run.fields, &all);
    let mut page = heading("Every mutation");
    for case in &all {
        // What nobody may and what nobody misses is read off the same line: one mark an actor, in the legend's order.
        let marks: Vec<String> = run.case(case).await.into_iter().map(|mark| format!("{mark:>5}")).collect();
        let _ = writeln!(page, "{:52} {}", format!("{} {}", case.field, case.on).trim_end(), marks.join(" "));
    }
    assert!(run.wrong.is_empty(), "{} of {} cells:\n{}", run.wrong.len(), run.done, run.wrong.join("\n"));
    assert_eq!(run.done, cells);
    golden::check("relation_matrix.txt", &page);
}

pub fn heading(what: &str) -> String {
    let mut page = format!(
        "{what}, on every object that it can be about, by everybody who stands in another relation to it. Y done, x forbidden,\n\
         0 not found, ! must sign in, - turned away at the door, c conflict, v wrong input. Whatever is not Y was shown to have\n\
         changed nothing, and whatever is Y to have changed something.\n\n"
    );
    for actor in ACTORS {
        let _ = writeln!(page, "{:>5} {}", actor.short, actor.what);
    }
    let shorts: Vec<String> = ACTORS.iter().map(|actor| format!("{:>5}", actor.short)).collect();
    let _ = writeln!(page, "\n{:52} {}", "", shorts.join(" "));
    page
}

mod every_mutation_is_answered_by_the_table_for_every_relation {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        run(Stage::sqlite().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        run(Stage::postgres().await).await;
    }
}
