//! The house's rules about who may name what, held from the source text.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 3);
    found
}

/// The code of a file without comments and documentation.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn only_in(word: &str, rooms: &[&str]) {
    for (name, text) in sources("src") {
        if rooms.iter().any(|room| name.starts_with(&format!("src/{room}"))) {
            continue;
        }
        let code = code(&text);
        // What stands in a test module of its own may look behind the walls.
        let code = code.split("#[cfg(test)]").next().unwrap();
        assert!(!code.contains(word), "{name} names {word}; only {rooms:?} may");
    }
}

#[test]
fn the_database_is_named_only_in_store_and_at_the_roots() {
    // error.rs sorts the database's errors; nothing else of it passes there.
    // The log names both, to keep their statements out.
    only_in("sea_orm", &["store/", "app", "error.rs", "cli/logging.rs"]);
    only_in("sqlx", &["store/", "app", "error.rs", "cli/logging.rs"]);
}

#[test]
fn graphql_is_named_only_in_its_room_and_at_the_door() {
    only_in("async_graphql", &["graphql/", "http/", "error.rs", "app"]);
}

#[test]
fn policy_depends_on_nothing_above_it() {
    for (name, text) in sources("src/policy") {
        for room in ["crate::store", "crate::service", "crate::graphql", "crate::http", "crate::auth", "crate::clock"] {
            assert!(!code(&text).contains(room), "{name} names {room}");
        }
    }
}

#[test]
fn dependencies_run_one_way() {
    for (room, above) in [
        ("src/store", ["crate::service", "crate::graphql", "crate::http"]),
        ("src/auth", ["crate::store::", "crate::graphql", "crate::http"]),
        ("src/service", ["crate::graphql", "crate::http", "crate::app"]),
        ("src/graphql", ["crate::http", "crate::app", "crate::cli"]),
    ] {
        for (name, text) in sources(room) {
            for above in above {
                assert!(!code(&text).contains(above), "{name} names {above}");
            }
        }
    }
}

#[test]
fn there_is_one_proof_that_opens_content_and_only_policy_makes_it() {
    let mut implementors = Vec::new();
    for folder in ["src", "entity/src", "migration/src"] {
        for (name, text) in sources(folder) {
            let code = code(&text);
            implementors.extend(code.matches("impl Reader for").map(|_| name.clone()));
            if name != "src/policy/content.rs" {
                assert!(!code.contains("ContentReader {"), "{name} makes a ContentReader");
            }
        }
    }
    assert_eq!(implementors, ["src/policy/content.rs"]);
}

#[test]
fn permits_are_made_by_policy_alone() {
    for (name, text) in sources("src") {
        if !name.starts_with("src/policy/") {
            assert!(!code(&text).contains("Seal(") && !code(&text).contains("sealed::"), "{name}");
        }
    }
}

#[test]
fn the_schema_has_no_extension_and_no_flattened_output() {
    for (name, text) in sources("src") {
        let code = code(&text);
        assert!(!code.contains(".extension(async_graphql") && !code.contains("extensions::"), "{name}");
        assert!(!code.contains("graphql(flatten"), "{name} flattens: guards above a flattened output are skipped");
    }
}

#[test]
fn guards_stand_on_root_fields_only() {
    for (name, text) in sources("src/graphql/types") {
        assert!(!code(&text).contains("guard ="), "{name}: a guard on an output field breaks its parent");
    }
}

#[test]
fn a_guard_and_the_directive_beside_it_name_the_same_row() {
    let mut seen = 0;
    for root in ["src/graphql/query", "src/graphql/mutation", "src/graphql/subscription"] {
        for (name, text) in sources("src/graphql").into_iter().filter(|(name, _)| name.starts_with(root)) {
            for attribute in text.split("#[graphql(").skip(1).filter(|rest| rest.trim_start().starts_with("guard")) {
                let attribute = attribute.split(")]").next().unwrap();
                let row = |before: &str| {
                    attribute.split(before).nth(1).map(|rest| rest.split([')', '.']).next().unwrap().to_owned())
                };
                let (guard, directive) = (row("Requires(Permission::"), row("requires::apply(Permission::"));
                assert!(guard.is_some() && guard == directive, "{name}: {attribute}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen} root fields");
}

#[test]
fn every_confidential_column_is_of_the_confidential_type_and_no_other_is() {
    for (name, text) in sources("entity/src") {
        let Some(model) = text.split("pub struct Model {").nth(1) else { continue };
        let model = model.split("\n}").next().unwrap();
        let classes = text.split("match column {").nth(1).unwrap();
        let of = |class: &str| -> Vec<String> {
            let Some((before, _)) = classes.split_once(&format!("Class::{class}")) else { return Vec::new() };
            let arm = before.rsplit("Class::").next().unwrap();
            // What is left of the arm before begins with its class's name.
            let arm = arm.strip_prefix("Metadata").or(arm.strip_prefix("Confidential")).unwrap_or(arm);
            let words = arm.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect()
        };
        for (wrapper, class) in [("Confidential<", "Confidential"), ("Secret", "Secret")] {
            let mut typed: Vec<String> = model
                .lines()
                .filter_map(|line| line.trim().strip_prefix("pub "))
                .filter(|field| {
                    field.split(": ").nth(1).is_some_and(|kind| kind.trim_start_matches("Option<").starts_with(wrapper))
                })
                .map(|field| field.split(':').next().unwrap().replace('_', ""))
                .collect();
            let mut classed = of(class);
            typed.sort();
            classed.sort();
            assert_eq!(typed, classed, "{name}: {class}");
        }
    }
}

#[test]
fn no_golden_is_rewritten_by_a_test_run() {
    for script in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")).unwrap() {
        let text = fs::read_to_string(script.unwrap().path()).unwrap();
        assert!(!text.contains("UPDATE_GOLDEN"), "a script rewrites goldens");
    }
}
