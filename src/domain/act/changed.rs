//! The names of the fields that an act changes.

use crate::domain::account::Account;
use crate::domain::difference::differences;

/// Kind, status, reseller and so on, as the account's JSON names them.
pub(super) fn fields(before: Option<&Account>, after: &Account) -> Vec<String> {
    // What they show is nobody's business here.
    let mut fields: Vec<String> =
        differences(before, after, &|_, _| String::new()).into_iter().map(|difference| difference.field).collect();
    if let Some(before) = before {
        if before.hold != after.hold {
            fields.push("hold".to_owned());
        }
        if before.reported != after.reported {
            fields.push("reported".to_owned());
        }
    }
    fields
}
