//! `docs/coverage.md`: each sentence stands there once, says what became of it, and names tests that exist.

use std::collections::{HashMap, HashSet};
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A row: the sentence, the word in bold, what is said behind it, the tests.
struct Row {
    sentence: String,
    state: String,
    why: String,
    tests: Vec<String>,
}

/// The rows of all tables but the legend.
fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.replace("\\|", "\u{0}");
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
    };
    page.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| the guide says"))
        .map(cells)
        .filter(|cells| cells.len() == 3)
        .map(|cells| {
            let (state, why) = cells[1]
                .strip_prefix("**")
                .and_then(|rest| rest.split_once("**: "))
                .unwrap_or_else(|| panic!("no **state**: {cells:?}"));
            let tests = cells[2].split(", ").filter(|name| !name.is_empty());
            Row {
                sentence: cells[0].clone(),
                state: state.to_owned(),
                why: why.to_owned(),
                tests: tests.map(|name| name.trim_matches('`').to_owned()).collect(),
            }
        })
        .collect()
}

/// The names of the tests of a file.
fn tests_of(text: &str) -> HashSet<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = (0..lines.len()).filter(|at| lines[*at] == "#[test]");
    at.filter_map(|at| {
        let function = lines[at + 1..].iter().find(|line| !line.starts_with("#["))?;
        let name = function.strip_prefix("fn ")?;
        Some(name.split('(').next()?.to_owned())
    })
    .collect()
}

#[test]
fn every_sentence_stands_once_and_names_tests_that_exist() {
    let rows = rows(&read("docs/coverage.md"));
    assert!(rows.len() > 150, "only {} rows were read", rows.len());
    let mut sentences = HashSet::new();
    let mut files: HashMap<String, HashSet<String>> = HashMap::new();
    for row in &rows {
        assert!(sentences.insert(&row.sentence), "stands twice: {}", row.sentence);
        assert!(!row.sentence.is_empty() && !row.why.is_empty(), "{} says nothing", row.sentence);
        match row.state.as_str() {
            "done" => assert!(!row.tests.is_empty(), "done, and no test shows it: {}", row.sentence),
            "represented" | "not yet" => {}
            "not ours" => assert!(row.tests.is_empty(), "not ours, and tested: {}", row.sentence),
            state => panic!("{state} is no state: {}", row.sentence),
        }
        for test in &row.tests {
            let (file, name) = test.rsplit_once("::").unwrap_or_else(|| panic!("{test} is no file::test"));
            let tests = files.entry(file.to_owned()).or_insert_with(|| {
                let folder = if file.starts_with("src/") { "" } else { "tests/it/" };
                tests_of(&read(&format!("{folder}{file}.rs")))
            });
            assert!(tests.contains(name), "there is no test {test}: {}", row.sentence);
        }
    }
    // The five guides each have their table.
    assert_eq!(read("docs/coverage.md").matches("| the guide says | here | shown by |").count(), 5);
}

#[test]
fn the_reader_of_the_page_reads_it() {
    let page = "| **done** | x |\n| the guide says | here | shown by |\n|---|---|---|\n\
                | a \\| b | **done**: so | `c::d`, `src/e::f` |\n| g | **not ours**: since |  |\n";
    let rows = rows(page);
    let read: Vec<_> = rows.iter().map(|row| (row.sentence.as_str(), row.state.as_str(), row.tests.len())).collect();
    assert_eq!(read, [("a | b", "done", 2), ("g", "not ours", 0)]);
    assert_eq!(
        tests_of("#[test]\n#[ignore]\nfn a() {}\nfn b() {}\n    #[test]\n    fn c(x: u8) {}"),
        ["a", "c"].map(str::to_owned).into()
    );
}
