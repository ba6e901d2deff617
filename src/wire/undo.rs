//! The file that takes acts back: one JSON object a line, each with what an account was before an act and the revision
//! that it has behind it. Lines are undone from the last to the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::account::{AccountKind, AccountStatus, Address, Contact, Hold, Profile, Report, Standing};
use crate::domain::act::Before;
use crate::domain::ids::{
    AccountId, AccountKey, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId, Scope, SourceId, Tenant,
};
use crate::domain::options::OptionValue;
use crate::domain::relation::{Axis, Cause, FoundBy, Relation, RelationState};

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Undo {
    /// An act that can be taken back.
    Act(Box<Done>),
    /// The act of this line, counted from 1, did not happen after all.
    Void(u64),
}

/// An act that was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// On which account.
    pub account: AccountKey,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Why, for the relations that it closed and opened.
    pub cause: Cause,
    /// The revision that the account had behind it.
    pub revision: i64,
    /// What the account was before; none for one that the act made.
    pub before: Option<Before>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    void: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<ActLine>,
}

#[derive(Serialize, Deserialize)]
struct ActLine {
    source: String,
    tenant: String,
    platform_id: String,
    at: i64,
    cause: String,
    revision: i64,
    before: Option<BeforeLine>,
}

#[derive(Serialize, Deserialize)]
struct BeforeLine {
    kind: String,
    status: String,
    /// Absent in files from before there was any.
    #[serde(default = "enabled")]
    standing: String,
    hold: Option<String>,
    reported: Option<ReportLine>,
    profile: ProfileLine,
    options: BTreeMap<String, ValueLine>,
    reseller: Option<RelationLine>,
    partner: Option<RelationLine>,
}

fn enabled() -> String {
    Standing::Enabled.as_str().to_owned()
}

#[derive(Serialize, Deserialize)]
struct ReportLine {
    kind: String,
    reseller: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ProfileLine {
    name: String,
    code: String,
    email: String,
    phone: String,
    fax: String,
    website: String,
    description: String,
    is_test: bool,
    contact: [String; 6],
    address: [String; 8],
    extra_details: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ValueLine {
    Text(String),
    Number(String),
    Bool(bool),
    List(Vec<ValueLine>),
    Secret,
}

#[derive(Serialize, Deserialize)]
struct RelationLine {
    id: i64,
    reseller_platform_id: Option<String>,
    reseller_external_id: Option<String>,
    reseller_account: Option<i64>,
    partner_id: Option<String>,
    #[serde(default)]
    partner: Option<String>,
    state: String,
    found_by: Option<String>,
    valid_from: i64,
    learned_at: i64,
    linked_at: Option<i64>,
    #[serde(default)]
    linked_cause: Option<String>,
    cause: String,
    delivery: Option<i64>,
}

/// Writes a line, without its end.
#[must_use]
pub fn line(undo: &Undo) -> String {
    let line = match undo {
        Undo::Void(void) => Line { void: Some(*void), act: None },
        Undo::Act(done) => Line { void: None, act: Some(act_line(done)) },
    };
    // A structure of texts and numbers always has a JSON form.
    serde_json::to_string(&line).unwrap_or_default()
}

/// Reads what [`line`] writes.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(text: &str) -> Result<Undo, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| format!("is no line of an undo file: {error}"))?;
    match line {
        Line { void: Some(void), act: None } => Ok(Undo::Void(void)),
        Line { void: None, act: Some(act) } => Ok(Undo::Act(Box::new(done(act)?))),
        _ => Err("is no line of an undo file".to_owned()),
    }
}

fn act_line(done: &Done) -> ActLine {
    ActLine {
        source: done.account.scope.source.to_string(),
        tenant: done.account.scope.tenant.as_str().to_owned(),
        platform_id: done.account.platform_id.to_string(),
        at: done.at,
        cause: done.cause.as_str().to_owned(),
        revision: done.revision,
        before: done.before.as_ref().map(before_line),
    }
}

fn before_line(before: &Before) -> BeforeLine {
    BeforeLine {
        kind: before.kind.as_str().to_owned(),
        status: before.status.as_str().to_owned(),
        standing: before.standing.as_str().to_owned(),
        hold: before.hold.map(|hold| hold.as_str().to_owned()),
        reported: before.reported.as_ref().map(|report| ReportLine {
            kind: report.kind.as_str().to_owned(),
            reseller: report.reseller.as_ref().map(ToString::to_string),
        }),
        profile: profile_line(&before.profile),
        options: before.options.iter().map(|(id, value)| (id.clone(), value_line(value))).collect(),
        reseller: before.reseller.as_ref().map(relation_line),
        partner: before.partner.as_ref().map(relation_line),
    }
}

fn profile_line(profile: &Profile) -> ProfileLine {
    let Profile { name, code, email, phone, fax, website, description, is_test, contact, address, extra_details } =
        profile.clone();
    let Contact { id, first_name, last_name, phone: contact_phone, fax: contact_fax, email: contact_email } = contact;
    let Address { address1, address2, city, post_code, state_code, state_name, country_code, country_name } = address;
    ProfileLine {
        name,
        code,
        email,
        phone,
        fax,
        website,
        description,
        is_test,
        contact: [id, first_name, last_name, contact_phone, contact_fax, contact_email],
        address: [address1, address2, city, post_code, state_code, state_name, country_code, country_name],
        extra_details,
    }
}

fn profile(line: ProfileLine) -> Profile {
    let ProfileLine { name, code, email, phone, fax, website, description, is_test, contact, address, extra_details } =
        line;
    let [id, first_name, last_name, contact_phone, contact_fax, contact_email] = contact;
    let [address1, address2, city, post_code, state_code, state_name, country_code, country_name] = address;
    Profile {
        name,
        code,
        email,
        phone,
        fax,
        website,
        description,
        is_test,
        contact: Contact { id, first_name, last_name, phone: contact_phone, fax: contact_fax, email: contact_email },
        address: Address { address1, address2, city, post_code, state_code, state_name, country_code, country_name },
        extra_details,
    }
}

fn value_line(value: &OptionValue) -> ValueLine {
    match value {
        OptionValue::Text(text) => ValueLine::Text(text.clone()),
        OptionValue::Number(number) => ValueLine::Number(number.clone()),
        OptionValue::Bool(value) => ValueLine::Bool(*value),
        OptionValue::List(values) => ValueLine::List(values.iter().map(value_line).collect()),
        // What it said was never stored.
        OptionValue::Secret(_) => ValueLine::Secret,
    }
}

fn value(line: ValueLine) -> OptionValue {
    match line {
        ValueLine::Text(text) => OptionValue::Text(text),
        ValueLine::Number(number) => OptionValue::Number(number),
        ValueLine::Bool(value) => OptionValue::Bool(value),
        ValueLine::List(values) => OptionValue::List(values.into_iter().map(value).collect()),
        ValueLine::Secret => OptionValue::Secret(None),
    }
}

fn relation_line(relation: &Relation) -> RelationLine {
    RelationLine {
        id: relation.id.0,
        reseller_platform_id: relation.reseller_platform_id.as_ref().map(ToString::to_string),
        reseller_external_id: relation.reseller_external_id.as_ref().map(ToString::to_string),
        reseller_account: relation.reseller_account.map(|id| id.0),
        partner_id: relation.partner_id.clone(),
        partner: relation.partner.as_ref().map(ToString::to_string),
        state: relation.state.as_str().to_owned(),
        found_by: relation.found_by.map(|found| found.as_str().to_owned()),
        valid_from: relation.valid_from,
        learned_at: relation.learned_at,
        linked_at: relation.linked_at,
        linked_cause: relation.linked_cause.map(|cause| cause.as_str().to_owned()),
        cause: relation.cause.as_str().to_owned(),
        delivery: relation.delivery.map(|id| id.0),
    }
}

fn word<T>(text: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    parse(text).ok_or_else(|| format!("holds the {what} \"{}\", which this version does not know", text.escape_debug()))
}

fn relation(line: RelationLine, axis: Axis) -> Result<Relation, String> {
    Ok(Relation {
        id: RelationId(line.id),
        axis,
        reseller_platform_id: line.reseller_platform_id.as_deref().map(PlatformId::stored),
        reseller_external_id: line.reseller_external_id.as_deref().map(ExternalId::stored),
        reseller_account: line.reseller_account.map(AccountId),
        partner_id: line.partner_id,
        partner: line.partner.as_deref().map(PartnerId::stored),
        state: word(&line.state, "state", RelationState::parse)?,
        found_by: line.found_by.map(|found| word(&found, "name", FoundBy::parse)).transpose()?,
        valid_from: line.valid_from,
        learned_at: line.learned_at,
        linked_at: line.linked_at,
        linked_cause: line.linked_cause.map(|cause| word(&cause, "cause", Cause::parse)).transpose()?,
        cause: word(&line.cause, "cause", Cause::parse)?,
        delivery: line.delivery.map(DeliveryId),
        closing: None,
    })
}

fn id<T>(parsed: Result<T, crate::domain::ids::IdError>, what: &str) -> Result<T, String> {
    parsed.map_err(|error| format!("its {what} {error}"))
}

fn done(line: ActLine) -> Result<Done, String> {
    let tenant = if line.tenant.is_empty() { Tenant::none() } else { id(Tenant::parse(&line.tenant), "tenant")? };
    let scope = Scope { source: id(SourceId::parse(&line.source), "source")?, tenant };
    let account = AccountKey { scope, platform_id: id(PlatformId::parse(&line.platform_id), "platform_id")? };
    Ok(Done {
        account,
        at: line.at,
        cause: word(&line.cause, "cause", Cause::parse)?,
        revision: line.revision,
        before: line.before.map(before).transpose()?,
    })
}

fn before(line: BeforeLine) -> Result<Before, String> {
    let reported = match line.reported {
        Some(report) => Some(Report {
            kind: word(&report.kind, "kind", AccountKind::parse)?,
            reseller: report.reseller.as_deref().map(PlatformId::stored),
        }),
        None => None,
    };
    Ok(Before {
        kind: word(&line.kind, "kind", AccountKind::parse)?,
        status: word(&line.status, "status", AccountStatus::parse)?,
        standing: word(&line.standing, "standing", Standing::parse)?,
        hold: line.hold.map(|hold| word(&hold, "hold", Hold::parse)).transpose()?,
        reported,
        profile: Arc::new(profile(line.profile)),
        options: line.options.into_iter().map(|(id, line)| (id, value(line))).collect(),
        reseller: line.reseller.map(|line| relation(line, Axis::Reseller)).transpose()?,
        partner: line.partner.map(|line| relation(line, Axis::Partner)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Done {
        let relation = |axis| Relation {
            id: RelationId(7),
            axis,
            reseller_platform_id: Some(PlatformId::stored("1")),
            reseller_external_id: None,
            reseller_account: Some(AccountId(3)),
            partner_id: Some("P".to_owned()),
            partner: Some(PartnerId::stored("Q")),
            state: RelationState::Linked,
            found_by: Some(FoundBy::Both),
            valid_from: 1,
            learned_at: 2,
            linked_at: Some(3),
            linked_cause: Some(Cause::Partner),
            cause: Cause::Import,
            delivery: Some(DeliveryId(4)),
            closing: None,
        };
        let profile = Profile {
            name: "Ω \"n\"".to_owned(),
            contact: Contact { email: "c@x".to_owned(), ..Contact::default() },
            address: Address { city: "c".to_owned(), ..Address::default() },
            is_test: true,
            ..Profile::default()
        };
        let list = OptionValue::List(vec![OptionValue::Text("t".to_owned()), OptionValue::Bool(true)]);
        let number = OptionValue::Number("10000000000000000000000.5".to_owned());
        let options = [("a", list), ("b", number), ("c", OptionValue::Secret(None))];
        Done {
            account: AccountKey {
                scope: Scope { source: SourceId::stored("eu"), tenant: Tenant::none() },
                platform_id: PlatformId::stored("5"),
            },
            at: 9,
            cause: Cause::Move,
            revision: 4,
            before: Some(Before {
                kind: AccountKind::ResellerCustomer,
                status: AccountStatus::Active,
                standing: Standing::Fraud,
                hold: Some(Hold::Review),
                reported: Some(Report { kind: AccountKind::DirectCustomer, reseller: None }),
                profile: Arc::new(profile),
                options: options.into_iter().map(|(id, value)| (id.to_owned(), value)).collect(),
                reseller: Some(relation(Axis::Reseller)),
                partner: Some(relation(Axis::Partner)),
            }),
        }
    }

    #[test]
    fn lines_read_what_they_write() {
        for undo in [Undo::Act(Box::new(done())), Undo::Act(Box::new(Done { before: None, ..done() })), Undo::Void(12)]
        {
            let text = line(&undo);
            assert!(!text.contains('\n'));
            assert_eq!(read(&text), Ok(undo));
        }
    }

    #[test]
    fn other_files_are_refused() {
        let whole = line(&Undo::Act(Box::new(done())));
        for wrong in
            ["", "{}", "[]", "{\"name\":1}", &whole.replace("\"import\"", "\"guess\""), &whole[..whole.len() / 2]]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
