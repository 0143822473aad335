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

/// A type's fields, each with its arguments and directives in one line, descriptions left out.
fn fields(object: &str) -> Vec<String> {
    let sdl = plug::sdl();
    let body = sdl.split(&format!("\ntype {object} {{")).nth(1).unwrap().split("\n}").next().unwrap();
    let mut fields = Vec::new();
    let (mut described, mut open, mut field) = (false, 0, String::new());
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("\"\"\"") || described {
            let marks = line.matches("\"\"\"").count();
            described ^= marks % 2 == 1;
            continue;
        }
        if line.starts_with('"') {
            continue;
        }
        open += line.matches('(').count();
        open -= line.matches(')').count();
        field.push_str(line);
        if open == 0 {
            fields.push(std::mem::take(&mut field));
        }
    }
    fields
}

#[test]
fn every_root_field_requires_exactly_one_row_of_the_table() {
    for object in ["Query", "Mutation"] {
        let fields = fields(object);
        assert!(fields.len() > 15, "{object}: {fields:?}");
        for field in fields {
            assert_eq!(field.matches("@requires(permission: ").count(), 1, "{field}");
            let row = field.split("@requires(permission: ").nth(1).unwrap().split(')').next().unwrap();
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
