//! `tiersync reconcile` over a generated world with planted disagreements: all of them are found, and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;
use tiersync::domain::reconcile::FindingKind;
use tiersync::store::connection::{Database, Use};

use crate::commands::{items, records};
use crate::commands_binary::{Place, Ran};
use crate::harness::world::{World, size};
use crate::harness::{Backend, app::MPNID, backends, config};

/// The world in a database of its own, with their list beside it.
pub fn place(backend: Backend, world: World) -> Place {
    let place = Place::with(backend, &config("", MPNID));
    place.fine(&["migrate"]);
    let mut connection = Database::parse(&place.database_url).unwrap().connect(Use::Write).unwrap();
    world.fill(&mut connection);
    let mut list = std::io::BufWriter::new(std::fs::File::create(place.path("vendor.csv")).unwrap());
    world.write_csv(&mut list);
    place
}

/// Runs a reconciliation that prints JSON and must find something.
pub fn findings(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let ran = run(place, arguments);
    assert_eq!(ran.code, 1, "{}", ran.err);
    items(&ran.out)
}

pub fn run(place: &Place, arguments: &[&str]) -> Ran {
    place.run(&[&["reconcile", "--format", "json"], arguments].concat())
}

/// The platform IDs of each kind, in order.
fn by_kind(findings: &[Value]) -> BTreeMap<&str, Vec<&str>> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in findings {
        kinds.entry(finding["finding"].as_str().unwrap()).or_default().push(finding["platform_id"].as_str().unwrap());
    }
    kinds.values_mut().for_each(|ids| ids.sort_unstable());
    kinds
}

fn assert_found(world: World, found: &[Value], wanted: impl Fn(FindingKind) -> bool) {
    let expected: Vec<(FindingKind, Vec<String>)> = FindingKind::ALL
        .into_iter()
        .filter(|kind| wanted(*kind))
        .map(|kind| (kind, world.expected(kind)))
        .filter(|(_, ids)| !ids.is_empty())
        .collect();
    let found = by_kind(found);
    for (kind, ids) in &expected {
        assert_eq!(found.get(kind.as_str()).map(Vec::len).unwrap_or(0), ids.len(), "{kind:?}");
        assert!(found[kind.as_str()].iter().eq(ids.iter()), "{kind:?}");
    }
    assert_eq!(found.len(), expected.len(), "{:?}", found.keys());
}

#[test]
fn the_self_check_finds_what_is_planted_and_nothing_else() {
    let world = size();
    for backend in backends() {
        let place = place(backend, world);
        let found = findings(&place, &[]);
        // What their list says of ExternalIDs the platform never said.
        assert_found(world, &found, |kind| !kind.needs_a_list() && kind != FindingKind::ExternalIdDiffers);
        for finding in &found {
            let since = finding["since"].as_str();
            assert!(since.is_some() || finding["finding"] == "change_under_review", "{finding}");
            assert!(finding["explanation"].as_str().unwrap().ends_with('.'), "{finding}");
            assert_eq!(finding["line"], Value::Null);
        }
        let narrowed = findings(&place, &["--check", "drift", "flapping"]);
        assert_found(world, &narrowed, |kind| matches!(kind, FindingKind::Drift | FindingKind::Flapping));
        let ran = run(&place, &["--check", "flapping", "--flapping-within", "9d"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "it took ten days: {}", ran.err);
        let ran = run(&place, &["--check", "pending_reseller", "--source", "us"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
    }
}

#[test]
fn a_list_in_another_encoding_with_other_names_finds_what_is_planted() {
    let world = size();
    for backend in backends() {
        let place = place(backend, world);
        let against = [&["--against", "vendor.csv"], &World::FLAGS[..]].concat();
        let all = [&against[..], &["--with-self-check", "--also", "name_differs,email_differs"]].concat();
        assert_found(world, &findings(&place, &all), |_| true);
        let found = findings(&place, &against);
        assert_found(world, &found, |kind| {
            (kind.needs_a_list() || kind == FindingKind::ExternalIdDiffers) && !kind.on_request()
        });
        let by_external_id =
            [&against[..], &["--key", "external_id", "--check", "reseller_differs,kind_differs"]].concat();
        let ran = run(&place, &by_external_id);
        let wanted = |kind| matches!(kind, FindingKind::ResellerDiffers | FindingKind::KindDiffers);
        assert_found(world, &items(&ran.out), wanted);
        assert!(ran.err.contains("Our ID is empty, and names the account"), "{}", ran.err);
    }
}

#[test]
fn another_database_is_another_side() {
    let world = World { accounts: 4_000, planted: 4 };
    for backend in backends() {
        let (here, there) = (place(backend, world), place(backend, world));
        let url = there.database_url.clone();
        let ran = run(&here, &["--against", &url]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "they are the same: {}", ran.err);
        let mut connection = Database::parse(&url).unwrap().connect(Use::Write).unwrap();
        let (changed, gone) = (world.platform_id(500), world.platform_id(501));
        let sql = format!(
            "UPDATE accounts SET kind = 'reseller' WHERE platform_id = '{}'; \
             DELETE FROM accounts WHERE platform_id = '{gone}'; \
             UPDATE accounts SET status = 'deleted' WHERE platform_id = '{}'; \
             UPDATE relations SET reseller_account_id = reseller_account_id + 1 WHERE valid_to IS NULL AND account_id = \
             (SELECT id FROM accounts WHERE platform_id = '{changed}')",
            world.platform_id(3_990),
            world.platform_id(502)
        );
        diesel::connection::SimpleConnection::batch_execute(&mut connection, &sql).unwrap();
        let found = findings(&here, &["--against", &url]);
        let told: BTreeMap<&str, &str> = found
            .iter()
            .map(|finding| (finding["platform_id"].as_str().unwrap(), finding["finding"].as_str().unwrap()))
            .collect();
        let expected = [
            (changed.as_str(), "reseller_differs"),
            (gone.as_str(), "missing_there"),
            (&world.platform_id(502), "missing_there"),
            (&world.platform_id(3_990), "kind_differs"),
        ];
        assert_eq!(told, expected.into_iter().collect());
    }
}

#[test]
fn every_format_has_all_of_it() {
    let world = World { accounts: 4_000, planted: 4 };
    let place = place(Backend::Sqlite, world);
    let found = findings(&place, &[]);
    let csv = place.run(&["reconcile", "--format", "csv"]);
    assert_eq!((csv.code, records(&csv.out).len()), (1, found.len() + 1), "{}", csv.err);
    let table = place.run(&["reconcile"]);
    assert_eq!(table.code, 1);
    assert_eq!(table.out.lines().count(), found.len() + 1, "{}", table.out);
    assert!(table.err.contains("        4  drift\n") && table.err.contains("of our accounts"), "{}", table.err);
    let few = place.run(&["reconcile", "--limit", "3"]);
    assert_eq!((few.out.lines().count(), few.code), (4, 1));
    let page = place.run(&["reconcile", "--format", "html", "--output", "report.html"]);
    assert_eq!((page.code, page.out.as_str()), (1, ""), "{}", page.err);
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    assert_eq!(page.matches("<tr data-kind=").count(), found.len());
    assert!(
        page.contains("<svg") && page.contains("<option value=\"drift\">drift (4)</option>"),
        "counts and a filter"
    );
    assert!(!page.contains("src=") && !page.contains("href="), "one file");
}

#[test]
fn the_exit_code_says_what_was_asked() {
    let world = World { accounts: 4_000, planted: 4 };
    let place = place(Backend::Sqlite, world);
    assert_eq!(run(&place, &["--fail-on", "missing_here,name_differs"]).code, 0);
    assert_eq!(run(&place, &["--fail-on", "drift"]).code, 1);
    assert_eq!(run(&place, &["--check", "external_id_differs"]).code, 0);
    let usage = |arguments: &[&str], part: &str| run(&place, arguments).failed(2, part);
    usage(&["--check", "missing_here"], "--against");
    usage(&["--against", "sqlite:tiersync.db", "--map", "code=x"], "are about lists");
    run(&place, &["--against", "vendor.csv"]).failed(1, "line 1: bytes that are no UTF-8");
    run(&place, &["--against", "gone.csv"]).failed(3, "cannot read gone.csv");
    run(&place, &["--against", "sqlite:gone.db"]).failed(3, "is not there");
}
