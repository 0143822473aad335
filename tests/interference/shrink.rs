//! Makes a failing operation small: whatever can go without the answers becoming alike, goes.

use super::document::{Input, Operation, Selection};

/// All operations that are one step smaller.
pub fn smaller(operation: &Operation) -> Vec<Operation> {
    let mut all = Vec::new();
    let mut wrap = |selections: Vec<Selection>| all.push(Operation { kind: operation.kind, selections });
    selections(&operation.selections, &mut wrap);
    all.retain(|operation| !operation.selections.is_empty());
    all
}

fn selections(of: &[Selection], out: &mut dyn FnMut(Vec<Selection>)) {
    let with = |at: usize, put: Vec<Selection>| {
        let mut changed = of.to_vec();
        changed.splice(at..=at, put);
        changed
    };
    // The big steps first: one alone, then all but one.
    if of.len() > 2 {
        for selection in of {
            out(vec![selection.clone()]);
        }
    }
    for at in 0..of.len() {
        if of.len() > 1 {
            out(with(at, Vec::new()));
        }
    }
    for (at, selection) in of.iter().enumerate() {
        match selection {
            Selection::Fragment(fragment) => {
                out(with(at, fragment.selections.clone()));
                if fragment.named || fragment.included {
                    let plain = super::document::Fragment { named: false, included: false, ..fragment.clone() };
                    out(with(at, vec![Selection::Fragment(plain)]));
                }
                selections(&fragment.selections, &mut |inner| {
                    let fragment = super::document::Fragment { selections: inner, ..fragment.clone() };
                    out(with(at, vec![Selection::Fragment(fragment)]));
                });
            }
            Selection::Field(field) => {
                let mut put = |changed: super::document::Field| out(with(at, vec![Selection::Field(changed)]));
                if field.alias.is_some() {
                    put(super::document::Field { alias: None, ..field.clone() });
                }
                for position in 0..field.arguments.len() {
                    let mut changed = field.clone();
                    changed.arguments.remove(position);
                    put(changed);
                    if field.arguments[position].variable {
                        let mut changed = field.clone();
                        changed.arguments[position].variable = false;
                        put(changed);
                    }
                    for value in inputs(&field.arguments[position].value) {
                        let mut changed = field.clone();
                        changed.arguments[position].value = value;
                        put(changed);
                    }
                }
                selections(&field.selections, &mut |inner| {
                    out(with(
                        at,
                        vec![Selection::Field(super::document::Field { selections: inner, ..field.clone() })],
                    ));
                });
            }
        }
    }
}

fn inputs(value: &Input) -> Vec<Input> {
    match value {
        Input::List(items) => {
            let mut all = Vec::new();
            for at in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(at);
                all.push(Input::List(fewer));
            }
            for at in 0..items.len() {
                for item in inputs(&items[at]) {
                    let mut changed = items.clone();
                    changed[at] = item;
                    all.push(Input::List(changed));
                }
            }
            all
        }
        Input::Object(ty, fields) => {
            let mut all = Vec::new();
            for at in 0..fields.len() {
                let mut fewer = fields.clone();
                fewer.remove(at);
                all.push(Input::Object(ty.clone(), fewer));
                for value in inputs(&fields[at].1) {
                    let mut changed = fields.clone();
                    changed[at].1 = value;
                    all.push(Input::Object(ty.clone(), changed));
                }
            }
            all
        }
        Input::Int(value) if *value > 1 => vec![Input::Int(1)],
        Input::Null | Input::Bool(_) | Input::Int(_) | Input::Text(_) | Input::Enum(..) => Vec::new(),
    }
}
