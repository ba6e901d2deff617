//! The object of the protocol's calls about subscriptions and add-ons, as the platform's guide and its published sample
//! have it: `ID`, `Name`, `ServiceType`, `ProductID`, `ActionType`, `Quantity`, `AttributeList`, `Addons` and `Account`.

use super::account::{self, Refusal, text_of};
use super::json::{Node, Value, write_text};
use crate::domain::call::Intent;
use crate::domain::decimal::decimal_text;
use crate::domain::ids::{ExternalId, IdError, PlatformId};
use crate::domain::outcome::Code;
use crate::domain::redaction::{REDACTED, is_secret_name};
use crate::domain::service::order::{AddOn, Order, ServicePatch, Verb};
use crate::domain::service::{MAX_ADD_ONS, MAX_ATTRIBUTES, MAX_QUANTITY, ServiceKind};

/// Most attributes of one service. Raising it raises what one call can make the receiver store.
const MAX_LISTED: usize = 500;

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal { code: Code::Malformed, message: message.into() }
}

/// The account within a call.
#[must_use]
pub fn account_of<'n, 'a>(root: &'n Node<'a>) -> Option<&'n Node<'a>> {
    root.get("Account").filter(|account| account.members().is_some())
}

/// Reads an order.
///
/// # Errors
/// A [`Refusal`] names the first field that has the wrong type or length.
pub fn intent(verb: Verb, root: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> Result<Intent, Refusal> {
    let Some(account) = account_of(root) else {
        return Err(malformed(
            "The call has no Account: send the account that the subscription is for in \"Account\".",
        ));
    };
    let account = account::submitted(account, is_secret_option)
        .map_err(|refusal| Refusal { message: format!("Account: {}", refusal.message), ..refusal })?;
    let id = id_of(root, "ID", ExternalId::parse)?;
    let platform_id = id_of(root, "SubscriptionID", PlatformId::parse)?;
    if id.is_none() && platform_id.is_none() && verb != Verb::Create {
        return Err(malformed("The call has no ID: send what Subscriptions/Create answered as Result in \"ID\"."));
    }
    let add_ons = match root.get("Addons").map(|node| &node.value) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) if items.len() <= MAX_ADD_ONS => {
            items.iter().map(|item| add_on(item, is_secret_option)).collect::<Result<_, _>>()?
        }
        Some(Value::List(_)) => return Err(malformed(format!("Addons lists more than {MAX_ADD_ONS} add-ons."))),
        Some(_) => return Err(malformed("Addons must be a list.")),
    };
    let patch = patch(root, "", is_secret_option)?;
    Ok(Intent::Service(Box::new(Order { verb, account, id, platform_id, patch, add_ons })))
}

fn id_of<T>(root: &Node<'_>, name: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Result<Option<T>, Refusal> {
    let Some(text) = text_of(root.get(name), name)? else { return Ok(None) };
    match parse(&text) {
        Ok(id) => Ok(Some(id)),
        Err(IdError::Empty) => Ok(None),
        Err(error) => Err(malformed(format!("{name} {error}."))),
    }
}

fn add_on(node: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> Result<AddOn, Refusal> {
    if node.members().is_none() {
        return Err(malformed("Addons must list objects."));
    }
    let action = text_of(node.get("ActionType"), "Addons.ActionType")?;
    Ok(AddOn {
        id: id_of(node, "ID", ExternalId::parse)?,
        patch: patch(node, "Addons.", is_secret_option)?,
        listed_only: action.is_some_and(|action| action.trim().eq_ignore_ascii_case("none")),
    })
}

fn patch(node: &Node<'_>, within: &str, is_secret_option: &dyn Fn(&str) -> bool) -> Result<ServicePatch, Refusal> {
    let text = |name: &str| {
        let text = text_of(node.get(name), &format!("{within}{name}"))?;
        Ok::<_, Refusal>(text.map(|text| text.trim().to_owned()))
    };
    let service = text("ServiceType")?;
    let trial = match node.get("IsTrial").map(|node| &node.value) {
        None | Some(Value::Null) => None,
        Some(Value::Bool(trial)) => Some(*trial),
        Some(_) => return Err(malformed(format!("{within}IsTrial must be true or false."))),
    };
    let quantity = match text("Quantity")? {
        Some(text) if !text.is_empty() => {
            let quantity = decimal_text(&text).and_then(|text| text.parse::<i64>().ok());
            let fits = quantity.filter(|quantity| (0..=MAX_QUANTITY).contains(quantity));
            Some(fits.ok_or_else(|| {
                malformed(format!("{within}Quantity must be a whole number from 0 to {MAX_QUANTITY}."))
            })?)
        }
        _ => None,
    };
    Ok(ServicePatch {
        kind: service.as_deref().and_then(|word| ServiceKind::parse(&word.to_ascii_lowercase())),
        service,
        name: text("Name")?,
        plan: text("ProductID")?,
        location: text("Location")?,
        quantity,
        trial,
        attributes: attributes(node.get("AttributeList"), within, is_secret_option)?,
        transfer: None,
        expires_at: None,
    })
}

/// What an attribute is called: its name, or else its ID.
fn called<'n>(attribute: &'n Node<'_>) -> Option<&'n str> {
    ["Name", "ID"].into_iter().find_map(|key| match &attribute.get(key)?.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim()),
        Value::Number(number) => Some(*number),
        _ => None,
    })
}

/// Whether the value of an attribute is a secret, by its name or its ID.
fn is_secret(attribute: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> bool {
    ["Name", "ID"].into_iter().any(|key| match attribute.get(key).map(|node| &node.value) {
        Some(Value::Text(text)) => is_secret_name(text.trim()) || is_secret_option(text.trim()),
        _ => false,
    })
}

/// `AttributeList` as one canonical JSON object from name to value.
fn attributes(
    node: Option<&Node<'_>>,
    within: &str,
    is_secret_option: &dyn Fn(&str) -> bool,
) -> Result<Option<String>, Refusal> {
    let items = match node.map(|node| &node.value) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::List(items)) if items.len() <= MAX_LISTED => items,
        Some(Value::List(_)) => {
            return Err(malformed(format!("{within}AttributeList has more than {MAX_LISTED} attributes.")));
        }
        Some(_) => return Err(malformed(format!("{within}AttributeList must be a list."))),
    };
    let mut members = std::collections::BTreeMap::new();
    for attribute in items {
        let Some(name) = called(attribute) else { continue };
        let said = |key: &str| {
            attribute.get(key).filter(|node| !matches!(node.value, Value::Null | Value::Object(_) | Value::List(_)))
        };
        let Some(value) = said("Value").or_else(|| said("Code")) else { continue };
        let mut text = String::new();
        if is_secret(attribute, is_secret_option) {
            write_text(REDACTED, &mut text);
        } else {
            super::json::canonical(value, &mut text);
        }
        members.insert(name.to_owned(), text);
    }
    Ok(Some(object(&members, within)?))
}

/// Attributes as an operator says them: one JSON object of plain values.
///
/// # Errors
/// A sentence, without its full stop, that says what cannot be.
pub fn attributes_of(text: &str, is_secret_option: &dyn Fn(&str) -> bool) -> Result<String, String> {
    let root = super::json::parse(text.as_bytes())
        .map_err(|_| "attributes is no JSON object whose names all differ".to_owned())?;
    let Some(said) = root.members() else { return Err("attributes is no JSON object".to_owned()) };
    if said.len() > MAX_LISTED {
        return Err(format!("attributes has more than {MAX_LISTED} names"));
    }
    let mut members = std::collections::BTreeMap::new();
    for (name, node) in said {
        let name = name.trim();
        if is_secret_name(name) || is_secret_option(name) {
            return Err(format!("attributes: {name} is a secret by its name, and no secrets are kept; leave it out"));
        }
        if matches!(node.value, Value::Null | Value::Object(_) | Value::List(_)) {
            return Err(format!("attributes: {name} is neither a text nor a number nor true or false"));
        }
        let mut text = String::new();
        super::json::canonical(node, &mut text);
        members.insert(name.to_owned(), text);
    }
    object(&members, "").map_err(|_| "attributes is larger than 64 KiB".to_owned())
}

fn object(members: &std::collections::BTreeMap<String, String>, within: &str) -> Result<String, Refusal> {
    if members.is_empty() {
        return Ok(String::new());
    }
    let mut text = String::from("{");
    for (name, value) in members {
        if text.len() > 1 {
            text.push(',');
        }
        write_text(name, &mut text);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    if text.len() > MAX_ATTRIBUTES {
        return Err(malformed(format!("{within}AttributeList is larger than 64 KiB.")));
    }
    Ok(text)
}

/// The values of attributes, anywhere in a body, that are secrets by what the attribute is called.
pub(super) fn secrets<'n, 'a>(
    node: &'n Node<'a>,
    is_secret_option: &dyn Fn(&str) -> bool,
    found: &mut Vec<&'n Node<'a>>,
) {
    match &node.value {
        Value::Object(members) => {
            if is_secret(node, is_secret_option) {
                found.extend(["Value", "Values", "Code"].into_iter().filter_map(|key| node.get(key)));
            }
            members.iter().for_each(|(_, value)| secrets(value, is_secret_option, found));
        }
        Value::List(items) => items.iter().for_each(|item| secrets(item, is_secret_option, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    fn read(verb: Verb, body: &str) -> Result<Order, Refusal> {
        let root = parse(body.as_bytes()).map_err(|error| malformed(format!("{error:?}")))?;
        match intent(verb, &root, &|id| id == "Pin")? {
            Intent::Service(order) => Ok(*order),
            other => Err(malformed(format!("{other:?}"))),
        }
    }

    #[test]
    fn the_published_fields_are_read() -> Result<(), Refusal> {
        let order = read(
            Verb::Create,
            r#"{"Account":{"ID":7,"Role":"User"},"Name":" Mail ","ServiceType":"Hosting","ProductID":12,"ActionType":"Provision",
                "Quantity":25.0,"IsTrial":true,"Location":"eu","AttributeList":[
                {"ID":"1","Name":"Storage","Value":"100"},{"ID":"ram","Code":"8"},{"Name":"AdminPassword","Value":"hunter2"},
                {"Name":"Pin","Value":1},{"Name":"None","Value":null},{"Value":"nameless"}],
                "Addons":[{"ID":"a","ActionType":"NONE"},{"ProductID":"13","Quantity":"2"}]}"#,
        )?;
        assert_eq!((order.account.id.as_str(), order.id, order.platform_id), ("7", None, None));
        let patch = &order.patch;
        assert_eq!((patch.name.as_deref(), patch.plan.as_deref()), (Some("Mail"), Some("12")));
        assert_eq!((patch.kind, patch.service.as_deref()), (Some(ServiceKind::Hosting), Some("Hosting")));
        assert_eq!((patch.quantity, patch.trial, patch.location.as_deref()), (Some(25), Some(true), Some("eu")));
        assert_eq!(
            patch.attributes.as_deref(),
            Some(r#"{"AdminPassword":"[redacted]","Pin":"[redacted]","Storage":"100","ram":"8"}"#)
        );
        assert!(order.add_ons[0].listed_only && !order.add_ons[1].listed_only);
        assert_eq!(order.add_ons[1].patch.quantity, Some(2));
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (verb, body, named) in [
            (Verb::Create, r"{}", "The call has no Account"),
            (Verb::Create, r#"{"Account":[]}"#, "The call has no Account"),
            (Verb::Create, r#"{"Account":{}}"#, "Account: "),
            (Verb::Create, r#"{"Account":{"ID":1,"Name":{}}}"#, "Account: Name"),
            (Verb::Update, r#"{"Account":{"ID":1}}"#, "The call has no ID"),
            (Verb::Update, r#"{"Account":{"ID":1},"ID":" "}"#, "The call has no ID"),
            (Verb::Create, r#"{"Account":{"ID":1},"ID":{}}"#, "ID"),
            (Verb::Create, r#"{"Account":{"ID":1},"Quantity":-1}"#, "Quantity"),
            (Verb::Create, r#"{"Account":{"ID":1},"Quantity":1.5}"#, "Quantity"),
            (Verb::Create, r#"{"Account":{"ID":1},"Quantity":"many"}"#, "Quantity"),
            (Verb::Create, r#"{"Account":{"ID":1},"IsTrial":"yes"}"#, "IsTrial"),
            (Verb::Create, r#"{"Account":{"ID":1},"AttributeList":{}}"#, "AttributeList"),
            (Verb::Create, r#"{"Account":{"ID":1},"Addons":{}}"#, "Addons"),
            (Verb::Create, r#"{"Account":{"ID":1},"Addons":[1]}"#, "Addons"),
            (Verb::Create, r#"{"Account":{"ID":1},"Addons":[{"Quantity":{}}]}"#, "Addons.Quantity"),
        ] {
            let refusal = read(verb, body).err();
            assert!(
                refusal.as_ref().is_some_and(|r| r.code == Code::Malformed && r.message.starts_with(named)),
                "{body}: {refusal:?}"
            );
        }
        let many = vec![r#"{"Name":"a","Value":1}"#; MAX_LISTED + 1].join(",");
        assert!(read(Verb::Create, &format!(r#"{{"Account":{{"ID":1}},"AttributeList":[{many}]}}"#)).is_err());
    }
}
