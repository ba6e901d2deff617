//! Who may use whom (docs/architecture.md): reads the `use crate::` lines and every other `crate::` path.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("auth", &["domain"]),
    ("config", &["domain", "auth"]),
    ("store", &["domain"]),
    ("writer", &["domain", "store"]),
    ("ops", &["domain", "wire", "auth", "config", "store", "writer"]),
    ("tasks", &["domain", "wire", "auth", "config", "store", "writer", "ops"]),
    ("http", &["domain", "wire", "auth", "config", "store", "writer", "ops", "tasks"]),
    ("app", &["domain", "wire", "auth", "config", "store", "writer", "ops", "tasks", "http"]),
    ("cli", &["domain", "wire", "auth", "config", "store", "writer", "ops", "tasks", "app"]),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a text names behind `crate::`, also in `use crate::{a::…, b::…}`.
fn named(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    for part in code.split("crate::").skip(1) {
        let names: Vec<&str> = match part.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![part],
        };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            rooms.insert(name);
        }
    }
    rooms
}

#[test]
fn imports_point_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = BTreeSet::new();
    for file in files(&source) {
        let path = file.strip_prefix(&source).unwrap();
        let first = path.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if matches!(first.as_str(), "lib" | "main") {
            continue;
        }
        let (room, may) = ROOMS.iter().find(|(room, _)| *room == first).unwrap_or_else(|| panic!("{first} is no room"));
        seen.insert(*room);
        for used in named(&std::fs::read_to_string(&file).unwrap()) {
            assert!(used == *room || may.contains(&used.as_str()), "{}: {room} may not use {used}", path.display());
        }
    }
    assert_eq!(seen.len(), ROOMS.len(), "a room is missing: {seen:?}");
}

#[test]
fn the_reader_of_imports_reads_them() {
    let text = "use crate::a::X;\nuse crate::{b::Y, c};\nlet z = crate::d::f(); // crate::e";
    assert_eq!(named(text), ["a", "b", "c", "d"].map(str::to_owned).into());
}

#[test]
fn only_the_writer_opens_write_transactions() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&source) {
        let path = file.strip_prefix(&source).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let opens = text.contains("transaction::begin")
            || text.contains(".transaction(")
            || text.contains("immediate_transaction");
        assert!(!opens || path.starts_with("writer"), "{} opens a write transaction", path.display());
    }
}
