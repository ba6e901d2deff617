// Tests stop where something is not as it must be; that is what unwrap says.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::domain::offer::{Offers, Seller, in_order};

fn offer(service: &str, plan: &str, locations: &[&str]) -> Offer {
    Offer::new(service, plan, locations).unwrap()
}

fn row(line: u64, offer: Option<Offer>, ou: Option<&str>) -> Row {
    let reseller = "eu//10".to_owned();
    Ok(OfferRow { line, reseller, offer, directory_ou: ou.map(str::to_owned) })
}

#[test]
fn lists_are_read_whatever_their_form() {
    let expected = vec![
        row(2, Some(offer("Workspace", "Gold", &["north", "south"])), Some("OU=N,DC=x")),
        row(4, Some(offer("Mail", "1", &[])), None),
        row(5, None, Some("OU=N,DC=x")),
        row(6, Some(offer("Mail", "2", &["a;b"])), None),
    ];
    let csv = "Service;plan;reseller;LOCATIONS;directory_ou\n\
               Workspace; Gold;eu//10;south| north;\"OU=N,DC=x\"\n\
               \n\
               Mail;1;eu//10;;\n\
               ;;eu//10;;OU=N,DC=x\n\
               Mail;2;eu//10;\"[\"\"a;b\"\"]\";\n";
    assert_eq!(read(csv.as_bytes()).unwrap(), expected);
    let json = "[\n{\"reseller\": \"eu//10\", \"service\": \"Workspace\", \"plan\": \"Gold\", \"locations\": [\"south\", \"north\"],\
                \"directory_ou\": \"OU=N,DC=x\"},\n\n{\"reseller\": \"eu//10\", \"service\": \"Mail\", \"plan\": 1},\n\
                {\"reseller\": \"eu//10\", \"service\": null, \"directory_ou\": \"OU=N,DC=x\"},\n\
                {\"reseller\": \"eu//10\", \"service\": \"Mail\", \"plan\": \"2\", \"locations\": [\"a;b\"]}]";
    assert_eq!(read(json.as_bytes()).unwrap(), expected);
}

#[test]
fn bad_rows_are_told_with_their_lines() {
    let csv = "reseller,service,plan,locations,directory_ou\n\
               ,a,b,,\n\
               eu//10,a,,,\n\
               eu//10,,b,,\n\
               eu//10,,,x,\n\
               eu//10,a,b,[x,\n\
               eu//10,a,b,,HNP\n\
               eu//10,a,b\n";
    let told: Vec<(u64, String)> = read(csv.as_bytes())
        .unwrap()
        .into_iter()
        .map(|row| row.unwrap_err())
        .map(|bad| (bad.line, bad.reason))
        .collect();
    let parts = [
        "reseller is empty",
        "its plan is empty",
        "its service is empty",
        "its service is empty",
        "begins like a JSON array",
        "directory_ou: it is no distinguished name",
        "it has 3 columns, and the list 5",
    ];
    assert_eq!(told.len(), parts.len());
    for ((line, reason), (at, part)) in told.iter().zip((2..).zip(parts)) {
        assert!(*line == at && reason.contains(part), "{line}: {reason}");
    }
    let json = "{\"reseller\": \"eu//10\", \"colour\": \"red\"}\n{\"reseller\": [], \"service\": \"a\", \"plan\": \"b\"}\n{\"reseller\": }\n";
    let told: Vec<BadRow> = read(json.as_bytes()).unwrap().into_iter().map(|row| row.unwrap_err()).collect();
    assert!(told[0].reason.contains("no field \"colour\"") && told[0].reseller == "eu//10", "{told:?}");
    assert!(
        told[1].reason.contains("reseller must be a text") && told[2].reason.contains("no JSON object"),
        "{told:?}"
    );
}

#[test]
fn the_list_of_one_account_needs_no_reseller() {
    let sheet = read_one(b"service,plan,locations,directory_ou\nMail,2,,OU=a\nMail,1,a|b,\n").unwrap();
    assert_eq!(sheet.offers, [offer("Mail", "1", &["a", "b"]), offer("Mail", "2", &[])]);
    assert_eq!(sheet.directory_ou.as_deref(), Some("OU=a"));
    assert_eq!(read_one(b"reseller,service,plan\neu//10,Mail,1\neu//10,Mail,2\n").unwrap().offers.len(), 2);
    for (text, why) in [
        ("reseller,service,plan\neu//10,Mail,1\neu//20,Mail,2\n", "line 3: its reseller is another one than before"),
        ("service,plan\nMail,1\nMail,1\n", "line 3: the service is on this plan in line 2 already"),
        ("service,plan\nMail,\n", "line 2: its plan is empty"),
        ("service,plan,directory_ou\nMail,1,OU=a\nMail,2,OU=b\n", "line 3: its directory_ou is another"),
    ] {
        let told = read_one(text.as_bytes()).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
    }
}

#[test]
fn what_is_no_list_is_told() {
    for (text, why) in [
        ("", "the list is empty"),
        ("service,plan\na,b\n", "no column reseller"),
        ("reseller,colour\na,b\n", "no column \"colour\""),
        ("reseller,plan,Plan\na,b,c\n", "comes twice"),
        ("[{\"reseller\": \"a\"}", "ends within its array"),
    ] {
        let told = read(text.as_bytes()).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
    }
}

proptest! {
    /// What is exported comes back as it went, in either form.
    #[test]
    fn lists_come_back(
        offers in prop::collection::btree_map(("[=a-c;|\"\\[ é]{1,4}", "[-a-c]{1,3}"), prop::collection::vec("[\\[\\]a-c;|\", -]{1,4}", 0..4), 1..6),
        ou in prop::option::of("OU=[a-c,;é]{1,5}"),
    ) {
        let offers: Vec<Offer> = offers.iter().filter_map(|((service, plan), places)| Offer::new(service, plan, places).ok()).collect();
        let Ok(list) = in_order(offers) else { return Ok(()) };
        let seller = Seller { offers: Offers { revision: 1, list }, directory_ou: ou.map(|ou| ou.trim().to_owned()) };
        let records: Vec<OfferRecord> = OfferRecord::of("eu//10", &seller).collect();
        let json = serde_json::to_string(&records).unwrap();
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(COLUMNS).unwrap();
        for record in &records {
            csv.write_record(record.cells().iter().map(|cell| crate::wire::separated::guarded(cell).into_owned())).unwrap();
        }
        for bytes in [json.into_bytes(), csv.into_inner().unwrap()] {
            let rows: Vec<OfferRow> = read(&bytes).unwrap().into_iter().map(Result::unwrap).collect();
            let back: Vec<Offer> = rows.iter().filter_map(|row| row.offer.clone()).collect();
            prop_assert_eq!(&back, &seller.offers.list);
            prop_assert!(rows.iter().all(|row| row.directory_ou == seller.directory_ou));
        }
    }
}
