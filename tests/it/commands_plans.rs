//! `tiersync plans`, through the real binary.

use serde_json::{Value, json};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, TestApp, backends, config};
use crate::v1::{column, send};

fn world(backend: Backend) -> (Place, TestApp) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    for (id, name) in [("10", "Northwind"), ("20", "Contoso"), ("30", "Fabrikam")] {
        send(&app, &json!({"ID": id, "Role": "Reseller", "Name": name}));
    }
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    (place, app)
}

fn write(place: &Place, name: &str, text: &str) -> String {
    let file = place.path(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn report(place: &Place, file: &str, more: &[&str]) -> (i32, Value) {
    let ran = place.run(&[&["plans", "import", file, "--format", "json"], more].concat());
    (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}")))
}

const LIST: &str = "reseller;service;plan;locations;directory_ou\n\
                    eu//10;Workspace;Gold;north|south;OU=Northwind,DC=x\n\
                    eu//10;=Mail;10 GB;;\n\
                    eu//20;Workspace;Silver;south;\n\
                    eu//30;;;;OU=Fabrikam,DC=x\n";

fn book(backend: Backend) {
    let (place, app) = world(backend);
    let file = write(&place, "plans.csv", LIST);
    assert_eq!(place.fine(&["plans", "list"]), "nothing found\n");
    let tried = place.fine(&["plans", "import", &file, "--dry-run"]);
    assert!(tried.contains("nothing is changed; it would be: 3 resellers changed; offers: 3 new"), "{tried}");
    assert_eq!(place.fine(&["plans", "list", "--format", "json"]), "[]\n");
    let counts = |report: &Value| {
        ["resellers", "added", "changed", "removed", "unchanged"].map(|name| report[name].as_u64().unwrap())
    };
    assert_eq!(counts(&report(&place, &file, &[]).1), [3, 3, 0, 0, 0]);
    assert_eq!(counts(&report(&place, &file, &[]).1), [0, 0, 0, 0, 4], "rerun");
    assert_eq!(counts(&report(&place, &file, &["--replace"]).1), [0, 0, 0, 0, 4], "rerun");
    let listed = records(&place.fine(&["plans", "list", "--format", "csv"]));
    assert_eq!(listed[0], ["reseller", "service", "plan", "locations", "directory_ou"]);
    assert_eq!(listed[1], ["eu//10", "'=Mail", "10 GB", "", "OU=Northwind,DC=x"]);
    assert_eq!(listed[2], ["eu//10", "Workspace", "Gold", "north|south", "OU=Northwind,DC=x"]);
    assert_eq!(listed[4], ["eu//30", "", "", "", "OU=Fabrikam,DC=x"]);
    for (arguments, resellers) in [
        (&["--reseller", "10"][..], vec!["eu//10", "eu//10"]),
        (&["--service", "Workspace"], vec!["eu//10", "eu//20"]),
        (&["--plan", "Silver"], vec!["eu//20"]),
        (&["--limit", "1"], vec!["eu//10"]),
    ] {
        let rows = items(&place.fine(&[&["plans", "list", "--format", "json"], arguments].concat()));
        assert_eq!(column(&rows, "reseller"), resellers, "{arguments:?}");
    }
    assert_eq!(place.fine(&["plans", "list", "--reseller", "30", "--service", "Mail"]), "nothing found\n");
    place.run(&["plans", "list", "--reseller", "11"]).failed(1, "Only resellers have plans");
    place.run(&["plans", "list", "--reseller", "99"]).failed(1, "no account is called 99");

    // What is exported comes back as it went.
    for (format, name) in [("csv", "export.csv"), ("json", "export.json")] {
        let again = write(&place, name, &place.fine(&["plans", "export", "--format", format]));
        assert_eq!(counts(&report(&place, &again, &["--replace"]).1), [0, 0, 0, 0, 4], "{format}");
    }

    // Without --replace what the list leaves out stays; with it, it goes, of the resellers of the list alone.
    let shorter = write(&place, "shorter.csv", "reseller,service,plan,locations\neu//10,Workspace,Gold,north\n");
    assert_eq!(counts(&report(&place, &shorter, &[]).1), [1, 0, 1, 0, 0]);
    assert_eq!(records(&place.fine(&["plans", "list", "--format", "csv"])).len(), 5);
    assert_eq!(counts(&report(&place, &shorter, &["--replace"]).1), [1, 0, 0, 1, 1]);
    let left = items(&place.fine(&["plans", "list", "--format", "json"]));
    assert_eq!(column(&left, "reseller"), ["eu//10", "eu//20", "eu//30"]);
    assert_eq!(left[0]["directory_ou"], "OU=Northwind,DC=x", "a list that does not say leaves it");

    let audit = items(&place.fine(&["operator", "audit", "--format", "json"]));
    assert_eq!(column(&audit, "action"), ["plans.import"; 3]);
    assert_eq!(
        (&audit[0]["subject"], &audit[0]["detail"]),
        (
            &json!("shorter.csv"),
            &json!({"resellers": ["0-1"], "replace": true, "added": 0, "changed": 0, "removed": 1})
        )
    );
    let told = items(&place.fine(&["changes", "--kind", "plans.changed", "--format", "json"]));
    assert_eq!(column(&told, "cause"), ["import"; 5]);
    drop(app);
}

#[test]
fn lists_of_plans_are_taken_in() {
    backends().into_iter().for_each(book);
}

fn bad(backend: Backend) {
    let (place, app) = world(backend);
    let external = send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    let first = write(&place, "first.csv", "reseller,service,plan\neu//20,Old,1\neu//10,Old,1\n");
    assert_eq!(report(&place, &first, &[]).0, 0);
    let text = format!(
        "reseller,service,plan,locations,directory_ou\n\
         eu//10,Mail,1,,\n\
         eu//11,Mail,1,,\n\
         eu//99,Mail,1,,\n\
         eu//10,Mail,,,\n\
         eu//20,Mail,1,,\"OU=a,DC=x\"\n\
         {external},Mail,1,,\n\
         {external},Mail,2,,\"OU=b,DC=x\"\n\
         {external},Mail,3,,\"OU=a,DC=x\"\n\
         ,Mail,1,,\n"
    );
    let file = write(&place, "bad.csv", &text);
    let (code, told) = report(&place, &file, &["--replace"]);
    assert_eq!(code, 1, "{told}");
    let rows: Vec<(u64, &str, &str)> = told["bad"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["reseller"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    let expected = [
        (3, "eu//11", "Only resellers have plans"),
        (4, "eu//99", "there is no account eu//99"),
        (5, "eu//10", "its plan is empty"),
        (7, external.as_str(), "the service is on this plan in line 6 already"),
        (8, external.as_str(), "its directory_ou is another one than in line 6"),
        (10, "", "reseller is empty"),
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, (line, reseller, why)) in rows.iter().zip(expected) {
        assert!(row.0 == line && row.1 == reseller && row.2.contains(why), "{row:?}");
    }
    // The good rows are in. Of whom a row is bad nothing is taken away: the list may have meant to keep it.
    assert_eq!((&told["added"], &told["removed"], &told["not_replaced"]), (&json!(3), &json!(0), &json!(2)));
    let plans = |reseller: &str| {
        let rows = items(&place.fine(&["plans", "list", "--reseller", reseller, "--format", "json"]));
        rows.iter()
            .map(|row| format!("{} {}", row["service"].as_str().unwrap(), row["plan"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(plans("10"), ["Mail 1", "Old 1"]);
    assert_eq!(plans("20"), ["Mail 1", "Mail 3", "Old 1"]);
    let csv = records(&place.run(&["plans", "import", &file, "--format", "csv"]).out);
    assert_eq!((csv.len(), csv[1][0].as_str()), (7, "3"));

    for (text, why) in [("colour\nred\n", "there is no column \"colour\""), ("", "the list is empty")] {
        let file = write(&place, "none.csv", text);
        place.run(&["plans", "import", &file]).failed(1, why);
    }
    place.run(&["plans", "import", "nowhere.csv"]).failed(3, "cannot read nowhere.csv");
    assert_eq!(place.run(&["plans", "export", "--format", "table"]).code, 2);
}

#[test]
fn bad_rows_of_plans_are_told_with_their_lines() {
    backends().into_iter().for_each(bad);
}

fn set(backend: Backend) {
    let (place, _app) = world(backend);
    assert_eq!(
        place.fine(&["plans", "set", "10", "--directory-ou", "OU=N,DC=x"]),
        "reseller 0-1 changed: directory_ou\n"
    );
    assert_eq!(place.fine(&["plans", "set", "10", "--directory-ou", "OU=N,DC=x"]), "reseller 0-1 is so already\n");
    let out = place.fine(&["plans", "set", "10", "--directory-ou", "none", "--format", "json"]);
    let shown = &items(&out)[0];
    assert_eq!((&shown["directory_ou"], &shown["revision"]), (&Value::Null, &json!(2)));
    assert_eq!(place.run(&["plans", "set", "10"]).code, 2);
    place.run(&["plans", "set", "11", "--directory-ou", "OU=N,DC=x"]).failed(1, "Only resellers have plans");
    assert_eq!(place.run(&["plans", "set", "10", "--directory-ou", "HNP"]).code, 2);
}

#[test]
fn directory_ous_are_set() {
    backends().into_iter().for_each(set);
}

/// Some ten thousand rows of many resellers, cut into commits; one in a hundred is bad.
#[test]
fn long_lists_are_taken_in_parts() {
    let toml = config("", MPNID);
    let place = Place::with(Backend::Sqlite, &toml);
    let app = receiver(&place, &toml);
    for at in 0..40 {
        send(&app, &json!({"ID": format!("r{at}"), "Role": "Reseller"}));
    }
    drop(app);
    let mut text = "reseller,service,plan,locations\n".to_owned();
    for at in 0..10_000 {
        let plan = if at % 100 == 99 { String::new() } else { format!("p{at}") };
        text.push_str(&format!("eu//r{},s{},{plan},north|south\n", at % 40, at % 7));
    }
    let file = write(&place, "long.csv", &text);
    let (code, told) = report(&place, &file, &[]);
    assert_eq!((code, told["bad"].as_array().unwrap().len(), &told["added"]), (1, 100, &json!(9_900)));
    assert_eq!(told["bad"][0]["line"], 101);
    let (_, again) = report(&place, &file, &[]);
    assert_eq!((&again["added"], &again["resellers"], &again["unchanged"]), (&json!(0), &json!(0), &json!(9_900)));
    let audit = items(&place.fine(&["operator", "audit", "--format", "json"]));
    assert!(audit.len() > 5 && audit.iter().all(|entry| entry["action"] == "plans.import"), "{}", audit.len());
}
