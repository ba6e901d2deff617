use std::collections::BTreeSet;

use super::*;

fn did(dossier: &mut Dossier, act: DossierAct) -> Result<(), String> {
    dossier.act(&act, "maria@example.org", 7)
}

fn card(field: CardField, text: &str) -> Box<CardPatch> {
    let mut patch = CardPatch::default();
    assert_eq!(patch.text(field, text), Ok(()));
    Box::new(patch)
}

#[test]
fn texts_are_read_as_they_are_kept() {
    assert_eq!(tag("  VIP "), Ok("VIP".to_owned()));
    for wrong in ["", "  ", "a,b", "a\nb", &"x".repeat(65)] {
        assert!(tag(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!((label(""), price_list(" Gold ")), (Ok(String::new()), Ok("Gold".to_owned())));
    assert!(label(&"x".repeat(129)).is_err());
    assert_eq!(name_server(" NS1.Example.ORG. "), Ok("ns1.example.org".to_owned()));
    for wrong in ["", "ns1", "ns_1.example.org", "-a.example.org", "a..example.org", "192.0.2.1", "a b.example.org"] {
        assert!(name_server(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(sign_up_address(""), Ok(None));
    let shown = |text: &str| sign_up_address(text).map(|address| address.map(|address| address.to_string()));
    assert_eq!(shown(" 2001:DB8:0:0::7 "), Ok(Some("2001:db8::7".to_owned())));
    for wrong in ["example.org", "192.0.2", "192.0.2.7:80", "192.0.2.7/24"] {
        assert!(sign_up_address(wrong).is_err(), "{wrong:?}");
    }
    assert!(login_name(" ").is_err());
    for verification in Verification::ALL {
        assert_eq!(Verification::parse(verification.as_str()), Some(verification));
    }
    for field in CardField::ALL {
        assert_eq!(CardField::parse(field.as_str()), Some(field));
    }
}

#[test]
fn tags_come_and_go() -> Result<(), String> {
    let mut dossier = Dossier::default();
    let set = |list: &[&str]| list.iter().map(|tag| (*tag).to_owned()).collect::<BTreeSet<String>>();
    let patch = |tags: Option<&[&str]>, tagged: &[&str], untagged: &[&str]| {
        let (tags, tagged, untagged) = (tags.map(set), set(tagged), set(untagged));
        DossierAct::Set(Box::new(SettingsPatch { tags, tagged, untagged, ..SettingsPatch::default() }))
    };
    did(&mut dossier, patch(None, &["b", "a"], &[]))?;
    did(&mut dossier, patch(None, &["c"], &["a", "never"]))?;
    assert_eq!(dossier.settings.tags, set(&["b", "c"]));
    did(&mut dossier, patch(Some(&["x"]), &["y"], &[]))?;
    assert_eq!(dossier.settings.tags, set(&["x", "y"]));
    let many: Vec<String> = (0..MAX_TAGS).map(|at| at.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(did(&mut dossier, patch(Some(&many), &[], &[])), Ok(()));
    assert!(did(&mut dossier, patch(None, &["one more"], &[])).is_err());
    Ok(())
}

#[test]
fn contacts_keep_their_numbers_and_their_registries() -> Result<(), String> {
    let mut dossier = Dossier::default();
    did(&mut dossier, DossierAct::AddContact(card(CardField::Handle, "MR1-EXAMPLE")))?;
    did(&mut dossier, DossierAct::AddContact(card(CardField::Email, "a@example.org")))?;
    did(&mut dossier, DossierAct::RemoveContact(2))?;
    did(&mut dossier, DossierAct::AddContact(card(CardField::LastName, "Rossi")))?;
    let numbers: Vec<i64> = dossier.contacts.iter().map(|card| card.number).collect();
    assert_eq!(numbers, [1, 3], "a number is never given twice");
    for (name, object) in [("EURid", Some(r#"{"lang":"el"}"#)), ("nominet", Some("{}")), ("nominet", None)] {
        let mut patch = CardPatch::default();
        patch.registry(name, object.map(str::to_owned))?;
        did(&mut dossier, DossierAct::ChangeContact(1, Box::new(patch)))?;
    }
    let found = dossier.contacts.first().ok_or("gone")?;
    assert_eq!(found.registries.get("eurid").map(String::as_str), Some(r#"{"lang":"el"}"#));
    assert_eq!(found.registries.len(), 1);
    assert!(found.shows(&card(CardField::Handle, "MR1-EXAMPLE")) && !found.shows(&card(CardField::Handle, "x")));
    // What tells nobody apart is no contact, and what is not there does not change.
    assert!(did(&mut dossier, DossierAct::AddContact(card(CardField::Phone, "1"))).is_err());
    assert!(did(&mut dossier, DossierAct::ChangeContact(1, card(CardField::Handle, ""))).is_err());
    assert!(did(&mut dossier, DossierAct::ChangeContact(2, card(CardField::Handle, "x"))).is_err());
    assert!(did(&mut dossier, DossierAct::RemoveContact(2)).is_err());
    let mut patch = CardPatch::default();
    assert!(patch.registry("x", Some("y".repeat(MAX_REGISTRY_BYTES + 1))).is_err());
    assert!(patch.registry(" ", None).is_err() && patch.text(CardField::City, &"x".repeat(257)).is_err());
    patch.registry("a", None)?;
    assert!(patch.registry("A", None).is_err(), "one registry, two spellings");
    for at in 0..=MAX_REGISTRIES {
        patch.registry(&format!("r{at}"), Some("{}".to_owned()))?;
    }
    assert!(did(&mut dossier, DossierAct::ChangeContact(1, Box::new(patch))).is_err());
    for _ in 2..MAX_CONTACTS {
        did(&mut dossier, DossierAct::AddContact(card(CardField::Handle, "more")))?;
    }
    assert!(did(&mut dossier, DossierAct::AddContact(card(CardField::Handle, "more"))).is_err());
    Ok(())
}

#[test]
fn logins_begin_with_the_account_s_own() -> Result<(), String> {
    let mut dossier = Dossier::default();
    let add = |name: Option<&str>| DossierAct::AddLogin { name: name.map(str::to_owned), may_sign_in: true };
    let shown = |dossier: &Dossier| -> Vec<(i64, String)> {
        dossier.logins.iter().map(|login| (login.number, login.shown("maria@example.org").to_owned())).collect()
    };
    assert_eq!(shown(&dossier), [(0, "maria@example.org".to_owned())]);
    // It is taken, in any case and by whatever way.
    assert!(did(&mut dossier, add(Some("Maria@Example.org"))).is_err());
    assert!(did(&mut dossier, add(None)).is_err());
    did(&mut dossier, add(Some("office")))?;
    assert!(did(&mut dossier, add(Some("OFFICE"))).is_err());
    let name = |name: Option<&str>| LoginPatch { name: Some(name.map(str::to_owned)), may_sign_in: None };
    assert!(did(&mut dossier, DossierAct::ChangeLogin(0, name(Some("office")))).is_err());
    assert!(did(&mut dossier, DossierAct::ChangeLogin(1, name(None))).is_err(), "only its own follows the address");
    did(&mut dossier, DossierAct::ChangeLogin(0, name(Some("boss"))))?;
    let off = LoginPatch { may_sign_in: Some(false), ..LoginPatch::default() };
    did(&mut dossier, DossierAct::ChangeLogin(0, off))?;
    assert_eq!(dossier.logins.first(), Some(&Login { number: 0, name: Some("boss".to_owned()), may_sign_in: false }));
    did(&mut dossier, DossierAct::ChangeLogin(0, name(None)))?;
    did(&mut dossier, DossierAct::RemoveLogin(0))?;
    assert_eq!(shown(&dossier), [(1, "office".to_owned())]);
    did(&mut dossier, add(None))?;
    assert_eq!(shown(&dossier), [(0, "maria@example.org".to_owned()), (1, "office".to_owned())]);
    did(&mut dossier, DossierAct::RemoveLogin(1))?;
    did(&mut dossier, add(Some("office")))?;
    assert_eq!(shown(&dossier)[1].0, 2, "a number is never given twice");
    assert!(did(&mut dossier, DossierAct::RemoveLogin(1)).is_err());
    for at in dossier.logins.len()..MAX_LOGINS {
        did(&mut dossier, add(Some(&format!("login {at}"))))?;
    }
    assert!(did(&mut dossier, add(Some("one more"))).is_err());
    Ok(())
}

#[test]
fn time_zones_are_those_of_iana() {
    for (text, name) in
        [("Europe/Athens", "Europe/Athens"), (" america/new_york ", "America/New_York"), ("utc", "UTC"), ("", "")]
    {
        assert_eq!(time_zone(text), Ok(name.to_owned()), "{text}");
    }
    for bad in ["Athens", "Europe/Atlantis", "+02:00", "Europe/Athens\u{0}", "Europe Athens"] {
        assert!(time_zone(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_own_login_is_named_also_where_it_was_removed() -> Result<(), String> {
    let mut dossier = Dossier::default();
    let name = || DossierAct::NameOwnLogin("boss@example.org".to_owned());
    did(&mut dossier, DossierAct::RemoveLogin(0))?;
    did(&mut dossier, name())?;
    let own = Login { number: 0, name: Some("boss@example.org".to_owned()), may_sign_in: true };
    assert_eq!(dossier.logins, [own.clone()]);
    let off = LoginPatch { may_sign_in: Some(false), ..LoginPatch::default() };
    did(&mut dossier, DossierAct::ChangeLogin(0, off))?;
    did(&mut dossier, name())?;
    assert_eq!(dossier.logins, [Login { may_sign_in: false, ..own }], "whether it may sign in stays");
    did(&mut dossier, DossierAct::AddLogin { name: Some("office".to_owned()), may_sign_in: true })?;
    assert!(did(&mut dossier, DossierAct::NameOwnLogin("Office".to_owned())).is_err());
    Ok(())
}
