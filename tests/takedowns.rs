//! What `docs/` says of tests is true of the tests that are there, and every wall of `takedowns/` is still where it can
//! be taken down.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found
}

/// The names of all functions and modules of the workspace: a test that runs on both databases is a module. Some are made
/// by a macro, from a line that begins with the name.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src", "tests", "entity", "migration", "examples"].iter().flat_map(|folder| files(folder, "rs")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let line = line.trim_start();
            if let Some((name, _)) = line.split_once([':', '=']).filter(|(_, rest)| rest.ends_with([';', ','])) {
                names.insert(name.trim_end().to_owned());
            }
            for (at, _) in line.match_indices("fn ").chain(line.match_indices("mod ")) {
                let rest = line[at..].split_once(' ').unwrap().1;
                names.insert(
                    rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap().to_owned(),
                );
            }
        }
    }
    names
}

#[test]
fn every_wall_can_be_taken_down_where_the_list_says_and_names_a_test_that_is_there() {
    let lists = files("tests/takedowns", "toml").into_iter().map(|list| fs::read_to_string(list).unwrap());
    let lists: Vec<toml::Table> = lists.map(|list| list.parse().unwrap()).collect();
    let names = names();
    let mut seen = BTreeSet::new();
    for takedown in lists.iter().flat_map(|list| list["takedown"].as_array().unwrap()) {
        let text = |key: &str| takedown[key].as_str().unwrap();
        assert!(seen.insert(text("name").to_owned()), "{} stands twice", text("name"));
        assert!(text("wall").ends_with('.'), "{}", text("name"));
        assert!(names.contains(text("test")), "{}: there is no test {}", text("name"), text("test"));
        for edit in takedown["edit"].as_array().unwrap() {
            let (file, take) = (edit["file"].as_str().unwrap(), edit["take"].as_str().unwrap());
            let times = fs::read_to_string(root().join(file)).unwrap().matches(take).count();
            assert_eq!(times, 1, "{}: what it takes away is not once in {file}", text("name"));
            assert_ne!(edit["take"], edit["leave"], "{}", text("name"));
        }
    }
    assert!(seen.len() > 15);
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let names = names();
    let mut found = 0;
    for page in files("docs", "md").into_iter().chain([root().join("SECURITY.md"), root().join("CONTRIBUTING.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let is_sentence = word.matches('_').count() >= 4
                && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
            if is_sentence {
                assert!(names.contains(word), "{} names {word}, which is nowhere", page.display());
                found += 1;
            }
        }
    }
    assert!(found > 30, "{found}");
}
