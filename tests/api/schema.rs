//! The schema as a product: described throughout, kept in git, and every root field under one row of the policy table.

use std::path::Path;

use palisade::{app::plug, policy::Permission};

#[test]
fn schema_graphql_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == plug::sdl(), "schema.graphql is stale: run `make generate`");
}

#[test]
fn permissions_md_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/permissions.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == palisade::policy::markdown::permissions(), "docs/permissions.md is stale: run `make generate`");
}

/// The lines of a type's fields.
fn fields(object: &str) -> Vec<String> {
    let sdl = plug::sdl();
    let lines = sdl.lines().skip_while(|line| !line.starts_with(&format!("type {object} "))).skip(1);
    lines.take_while(|line| !line.starts_with('}')).map(str::to_owned).collect()
}

#[test]
fn every_root_field_requires_exactly_one_row_of_the_table() {
    for object in ["Query", "Mutation"] {
        let lines = fields(object);
        assert!(lines.len() > 10, "{object}");
        let ends = lines.iter().filter(|line| line.starts_with('\t') && !line.trim_start().starts_with('"'));
        for line in ends.filter(|line| !line.starts_with("\t\t") && !line.trim_end().ends_with('(')) {
            assert_eq!(line.matches("@requires(permission: ").count(), 1, "{line}");
            let row = line.split("@requires(permission: ").nth(1).unwrap().split(')').next().unwrap();
            assert!(Permission::ALL.iter().any(|known| known.as_str() == row), "{row}");
        }
    }
}

#[tokio::test]
async fn every_type_field_argument_and_value_is_described() {
    let query = "{ __schema { types { name description kind fields { name description args { name description } }
        inputFields { name description } enumValues { name description } } } }";
    let answer = palisade::graphql::schema().execute(query).await.data.into_json().unwrap();
    let mut missing = Vec::new();
    for object in answer["__schema"]["types"].as_array().unwrap() {
        let name = object["name"].as_str().unwrap();
        if name.starts_with("__") || ["String", "Int", "Float", "Boolean", "ID"].contains(&name) {
            continue;
        }
        let mut need = |what: &serde_json::Value, path: String| {
            if what["description"].as_str().is_none_or(str::is_empty) {
                missing.push(path);
            }
        };
        need(object, name.to_owned());
        for (list, inner) in [("fields", "args"), ("inputFields", ""), ("enumValues", "")] {
            for field in object[list].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", field["name"].as_str().unwrap());
                need(field, path.clone());
                for argument in field[inner].as_array().into_iter().flatten() {
                    need(argument, format!("{path}({})", argument["name"].as_str().unwrap()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
