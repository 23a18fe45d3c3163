//! Whether what the documentation names is there.

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What stands between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The file of this name, in the way of the table: below `tests/api` unless it says otherwise.
fn source(name: &str) -> Option<String> {
    let places = [Path::new(ROOT).join(name), Path::new(ROOT).join("tests/api").join(name)];
    places.iter().find_map(|file| std::fs::read_to_string(file).ok())
}

#[test]
fn every_test_that_the_security_model_names_is_in_the_file_that_it_names() {
    let table = include_str!("../../docs/security.md").split("## Abuse cases").nth(1).expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 25, "the table was found");
    for row in rows {
        let [case, _, tests] = row.trim_matches('|').split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not three cells: {row}");
        };
        let (files, mut names): (Vec<&str>, Vec<&str>) = quoted(tests).partition(|word| word.contains('.'));
        assert!(!files.is_empty(), "no test of: {case}");
        for word in quoted(tests).filter(|word| word.contains('.')) {
            let code = source(word).unwrap_or_else(|| panic!("there is no {word}: {case}"));
            names.retain(|name| !code.contains(&format!("fn {name}(")));
        }
        assert!(names.is_empty(), "{names:?} are in none of {files:?}: {case}");
    }
}

#[test]
fn every_test_that_the_page_of_clients_names_is_in_the_file_that_it_names() {
    let page = include_str!("../../docs/wallets.md").split("## Before you begin").next().expect("the table");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "the table was found");
    for row in rows {
        let [client, _, _, tests] = row.trim_matches('|').split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not four cells: {row}");
        };
        let places: Vec<&str> = tests.split("](../").skip(1).collect();
        assert!(!places.is_empty(), "no test of: {client}");
        for place in places {
            let (file, names) = place.split_once(')').expect("a link ends");
            let code = source(file).unwrap_or_else(|| panic!("there is no {file}: {client}"));
            assert!(quoted(names).next().is_some(), "{file} does what for {client}?");
            // A function, or the row of a table that a function goes through.
            let known = |name: &str| code.contains(&format!("fn {name}(")) || code.contains(&format!("\"{name}\""));
            let unknown: Vec<&str> = quoted(names).filter(|name| !known(name)).collect();
            assert!(unknown.is_empty(), "{unknown:?} are not in {file}: {client}");
        }
    }
}
