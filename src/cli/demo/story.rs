//! The small world of the demonstration: which calls are sent, in which order, and what each must come to.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::domain::call::Endpoint;
use crate::domain::outcome::Outcome;

/// One account of the world, as the platform keeps it.
pub(super) struct Account {
    id: &'static str,
    role: &'static str,
    reseller: &'static str,
    name: &'static str,
    code: &'static str,
    contact: (&'static str, &'static str),
    city: (&'static str, &'static str, &'static str),
    options: Value,
}

/// What one call says.
pub(super) enum Said {
    /// The whole account, as Synchronize carries it.
    Account(Box<Account>),
    /// As before, as a pre-check.
    PreCheck(Box<Account>),
    /// An account by its ID alone.
    Id(&'static str),
    /// The very bytes that were sent before under the same `webhook-id`, about this account.
    Again(&'static str),
}

/// One call, and what it must come to.
pub(super) struct Step {
    /// What happens, for people.
    pub title: &'static str,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// What it says.
    pub said: Said,
    /// The `webhook-id` of the signature; a fresh one if none.
    pub webhook_id: Option<&'static str>,
    /// The code that it must be answered with.
    pub code: i64,
    /// What the ledger must say of it.
    pub outcome: Outcome,
}

impl Step {
    fn new(title: &'static str, endpoint: Endpoint, said: Said, code: i64, outcome: Outcome) -> Self {
        Self { title, endpoint, said, webhook_id: None, code, outcome }
    }

    fn under(mut self, webhook_id: &'static str) -> Self {
        self.webhook_id = Some(webhook_id);
        self
    }

    /// The platform's ID of the account.
    pub(super) fn id(&self) -> &'static str {
        match &self.said {
            Said::Account(account) | Said::PreCheck(account) => account.id,
            Said::Id(id) | Said::Again(id) => id,
        }
    }

    /// The body, with the vendor's IDs that the platform was answered so far; none for one that was sent before.
    pub(super) fn body(&self, known: &HashMap<String, String>) -> Option<String> {
        Some(match &self.said {
            Said::Again(_) => return None,
            Said::Account(account) => account.json(known).to_string(),
            Said::PreCheck(account) => {
                let mut body = account.json(known);
                if let Some(body) = body.as_object_mut() {
                    body.insert("checkonly".to_owned(), json!(true));
                }
                body.to_string()
            }
            Said::Id(id) => json!({"ID": id, "ExternalID": vendors(known, id)}).to_string(),
        })
    }
}

/// The vendor's ID of an account, empty as long as the platform knows none.
fn vendors(known: &HashMap<String, String>, id: &str) -> String {
    known.get(id).cloned().unwrap_or_default()
}

impl Account {
    fn new(id: &'static str, role: &'static str, reseller: &'static str, name: &'static str) -> Self {
        let (contact, city) = (("", ""), ("", "", ""));
        Self { id, role, reseller, name, code: "", contact, city, options: json!({}) }
    }

    fn reseller(id: &'static str, name: &'static str, code: &'static str) -> Self {
        Self { code, ..Self::new(id, "Reseller", id, name) }
    }

    fn customer(id: &'static str, reseller: &'static str, name: &'static str) -> Self {
        Self::new(id, "User", reseller, name)
    }

    fn contact(mut self, first: &'static str, last: &'static str) -> Self {
        self.contact = (first, last);
        self
    }

    fn at(mut self, city: &'static str, country: &'static str, name: &'static str) -> Self {
        self.city = (city, country, name);
        self
    }

    fn options(mut self, options: Value) -> Self {
        self.options = options;
        self
    }

    fn json(&self, known: &HashMap<String, String>) -> Value {
        let ((first, last), (city, country, country_name)) = (self.contact, self.city);
        let domain: String = self.name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        // A platform names the reseller's vendor ID where the reseller is another account.
        let seller = if self.reseller == self.id { String::new() } else { vendors(known, self.reseller) };
        json!({
            "ID": self.id,
            "Role": self.role,
            "ExternalID": vendors(known, self.id),
            "ResellerID": self.reseller,
            "ResellerExternalID": seller,
            "Name": self.name,
            "Code": self.code,
            "Phone": "",
            "Fax": "",
            "WebSite": format!("https://{domain}.example"),
            "Email": format!("it@{domain}.example"),
            "IsTest": false,
            "Description": "",
            "ExtraDetails": {},
            "SyncOptions": self.options,
            "ContactDetails":
                {"ID": "", "FirstName": first, "LastName": last, "Phone": "", "Fax": "", "Email": ""},
            "Address": {
                "Address1": "", "Address2": "", "City": city, "PostCode": "",
                "State": {"Code": "", "Name": ""},
                "Country": {"Code": country, "Name": country_name},
            },
        })
    }
}

fn northwind() -> Account {
    Account::reseller("1082733", "Northwind Distribution", "NWD").contact("Eleni", "Pappa").at("Athens", "GR", "Greece")
}

fn bakery(reseller: &'static str) -> Account {
    Account::customer("1082801", reseller, "Bakery & Sons")
        .contact("Maria", "O'Neil")
        .options(json!({"DomainPrefix": "bakery", "AdminPassword": "not-kept-in-clear"}))
}

fn olive_press() -> Account {
    // The published example writes the partner ID as a number.
    Account::customer("1082803", "1082760", "Olive Press Cooperative")
        .options(json!({"DomainPrefix": "olive", "MPNID": 3_456_890}))
}

/// All calls in order.
pub(super) fn story() -> Vec<Step> {
    use Endpoint::{Delete, Exists, IsReseller};
    use Outcome::{Applied, Checked, Rejected, Repeated, Unchanged};
    let sync = |title, account: Account, code, outcome| {
        Step::new(title, Endpoint::Synchronize, Said::Account(Box::new(account)), code, outcome)
    };
    let asks = |title, endpoint, id, code, outcome: Outcome| Step::new(title, endpoint, Said::Id(id), code, outcome);
    let (fjord, nobody) = ("1082790", "1082799");
    vec![
        sync("a reseller comes", northwind(), 0, Applied),
        sync(
            "another reseller",
            Account { reseller: "", ..Account::reseller("1082760", "Aegean Cloud", "AEG") },
            0,
            Applied,
        ),
        sync("its end customer", bakery("1082733"), 0, Applied).under("demo-bakery-1"),
        sync("another one", Account::customer("1082802", "1082733", "Harbour Logistics"), 0, Applied),
        sync("with an MPN ID", olive_press(), 0, Applied),
        sync("before its reseller", Account::customer("1082810", fjord, "Nordlys Dental"), 0, Applied),
        sync(
            "before it, too",
            Account::customer("1082811", fjord, "Lofoten Kayaks").at("Svolvaer", "NO", "Norway"),
            0,
            Applied,
        ),
        sync("their reseller comes", Account::reseller(fjord, "Fjord Systems", "FJO"), 0, Applied),
        sync(
            "reseller never comes",
            Account::customer("1082820", nobody, "Sunrise Hotels").options(json!({"MPNID": "4471102"})),
            0,
            Applied,
        ),
        sync("a direct customer", Account::customer("1084000", "", "Direct Ltd").contact("Ann", "Lee"), 0, Applied),
        sync("direct, own ResellerID", Account::customer("1084001", "1084001", "City Library"), 0, Applied),
        sync("direct, for a while", Account::customer("1084002", "", "Pop-up Store"), 0, Applied),
        Step::new("a call comes again", Endpoint::Synchronize, Said::Again("1082801"), 0, Repeated)
            .under("demo-bakery-1"),
        sync("same id, other call", bakery("1082760"), 1004, Rejected).under("demo-bakery-1"),
        sync("nothing is new", olive_press(), 0, Unchanged),
        sync("a customer is renamed", Account::customer("1082802", "1082733", "Harbour Logistics SA"), 0, Applied),
        sync("a change of reseller", bakery("1082760"), 0, Applied),
        sync(
            "described by nobody",
            Account { reseller: "1082733", ..Account::reseller("1085000", "Reseller of a Reseller", "") },
            1002,
            Rejected,
        ),
        Step::new(
            "a pre-check",
            Endpoint::Synchronize,
            Said::PreCheck(Box::new(Account::customer("1084003", "", "Mountain Huts"))),
            0,
            Checked,
        ),
        asks("is it a reseller?", IsReseller, "1082733", 0, Checked),
        asks("does it exist?", Exists, "1084000", 1, Checked),
        asks("a reseller with customers", Delete, "1082733", 1004, Rejected),
        asks("a customer leaves", Delete, "1084002", 0, Applied),
        asks("does it still exist?", Exists, "1084002", 0, Checked),
    ]
}
