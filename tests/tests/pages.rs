//! `SCENARIOS.md` names tests by file: a renamed file must not leave a dead name behind.

use std::path::Path;

const PAGE: &str = include_str!("../SCENARIOS.md");

/// The rows of a section's tables: a number, and the rest of the row.
fn rows(section: &str) -> Vec<(usize, &str)> {
    let number = |row: &'static str| {
        let (number, rest) = row.strip_prefix("| ")?.split_once(" |")?;
        Some((number.parse().ok()?, rest))
    };
    let (_, text) = PAGE.split_once(section).expect("the page has the section");
    text.lines().take_while(|line| !line.starts_with("## ")).filter_map(number).collect()
}

#[test]
fn the_page_lists_every_number_once_and_in_order() {
    let numbers = |section| rows(section).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers("## Invariants\n"), (1..=13).collect::<Vec<_>>());
    assert_eq!(numbers("## Scenarios\n"), (1..=93).collect::<Vec<_>>());
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = 0;
    for path in PAGE.split('`').filter(|word| Path::new(word).extension().is_some_and(|kind| kind == "rs")) {
        assert!(root.join(path).is_file(), "SCENARIOS.md names {path}, which is not there");
        named += 1;
    }
    assert!(named > 100, "only {named} files are named");
}
