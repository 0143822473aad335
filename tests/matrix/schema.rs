//! What the schema says of its root fields: introspection for their arguments, the SDL for the rows that guard them.

use std::collections::BTreeMap;

use palisade::{app::plug, policy::Permission};
use serde_json::Value;

use crate::support::world::Caller;

/// Argument names with their types, and whether the field's answer is a leaf.
#[derive(Debug)]
pub struct Field {
    pub arguments: BTreeMap<String, String>,
    pub leaf: bool,
}

/// The fields of `Query`, or of `Mutation`, as introspection tells them.
pub async fn fields(caller: &Caller<'_>, root: &str) -> BTreeMap<String, Field> {
    let query = format!(
        "{{ __schema {{ {root} {{ fields {{ name args {{ name type {{ ...T }} }} type {{ ...T }} }} }} }} }}
         fragment T on __Type {{ kind name ofType {{ kind name ofType {{ kind name ofType {{ kind name }} }} }} }}"
    );
    let reply = caller.query(&query).await;
    let list = reply.data()["__schema"][root]["fields"].as_array().unwrap().clone();
    let field = |field: &Value| {
        let arguments = field["args"].as_array().unwrap().iter();
        let arguments = arguments.map(|one| (word(&one["name"]), type_text(&one["type"]))).collect();
        let mut inner = &field["type"];
        while inner["ofType"].is_object() {
            inner = &inner["ofType"];
        }
        let leaf = inner["kind"] == "SCALAR" || inner["kind"] == "ENUM";
        (word(&field["name"]), Field { arguments, leaf })
    };
    list.iter().map(field).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn type_text(of: &Value) -> String {
    match of["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", type_text(&of["ofType"])),
        "LIST" => format!("[{}]", type_text(&of["ofType"])),
        _ => word(&of["name"]),
    }
}

/// The row that guards each field of a root, as `@requires` has it.
pub fn rows(root: &str) -> BTreeMap<String, Permission> {
    let sdl = plug::sdl();
    let body = sdl.split_once(&format!("type {root} {{")).unwrap().1.split_once("\n}").unwrap().0;
    let mut rows = BTreeMap::new();
    let mut name = String::new();
    for line in body.lines() {
        // A field stands one step in, its arguments two.
        let Some(rest) = line.strip_prefix('\t') else { continue };
        if rest.starts_with(|first: char| first.is_ascii_lowercase()) {
            name = rest.split(['(', ':']).next().unwrap().to_owned();
        }
        if let Some((_, row)) = rest.split_once("@requires(permission: ") {
            let row = row.split(')').next().unwrap();
            let found = Permission::ALL.iter().find(|permission| permission.as_str() == row).unwrap();
            rows.insert(name.clone(), *found);
        }
    }
    rows
}
