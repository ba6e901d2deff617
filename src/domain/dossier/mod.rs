//! What operators keep about an account beside what platforms say of it: settings, contacts, logins.
//!
//! Platforms never say any of this, so no call looks it up or writes it. It changes by acts alone, hangs on the account,
//! and goes with its personal data.

mod contact;
mod login;
mod settings;

pub use contact::{CardField, CardPatch, ContactCard, MAX_CONTACTS, MAX_REGISTRIES, MAX_REGISTRY_BYTES};
pub use login::{Login, LoginPatch, MAX_LOGINS, folded, login_name};
pub use settings::{
    MAX_NAME_SERVERS, MAX_TAGS, Settings, SettingsPatch, Verification, label, name_server, price_list, sign_up_address,
    tag, time_zone,
};

/// Why something is not taken, in words for whoever typed it: it goes on behind the name of the field, and ends without
/// a full stop.
pub type Complaint = String;

/// A text of one line, trimmed and at most `most` characters long.
fn line(text: &str, most: usize) -> Result<String, Complaint> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(format!("is longer than {most} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

/// What is kept about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// What is set of the account itself.
    pub settings: Settings,
    /// Its contacts beyond the primary one, by their numbers.
    pub contacts: Vec<ContactCard>,
    /// The highest number that a contact ever had here.
    pub contacts_issued: i64,
    /// With what people sign in, by their numbers; the account's own, which is there unless it was removed, has 0.
    pub logins: Vec<Login>,
    /// The highest number that a login ever had here.
    pub logins_issued: i64,
}

impl Default for Dossier {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            contacts: Vec::new(),
            contacts_issued: 0,
            logins: vec![Login::own()],
            logins_issued: 0,
        }
    }
}

/// What is done to what is kept about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DossierAct {
    /// Changes settings.
    Set(Box<SettingsPatch>),
    /// Adds a contact.
    AddContact(Box<CardPatch>),
    /// Changes a contact.
    ChangeContact(i64, Box<CardPatch>),
    /// Takes a contact away.
    RemoveContact(i64),
    /// Adds a login: with this name, or, without one, the account's own that was removed before.
    AddLogin {
        /// Its name.
        name: Option<String>,
        /// Whether it may sign in.
        may_sign_in: bool,
    },
    /// Changes a login.
    ChangeLogin(i64, LoginPatch),
    /// Takes a login away.
    RemoveLogin(i64),
    /// Names the account's own login, and gives it back where it was removed before.
    NameOwnLogin(String),
}

impl Dossier {
    /// Does an act. `email` is the account's address, which its own login follows; `at` is in microseconds since 1970.
    ///
    /// # Errors
    /// A whole sentence for whoever asked for it.
    pub fn act(&mut self, act: &DossierAct, email: &str, at: i64) -> Result<(), String> {
        match act {
            DossierAct::Set(patch) => patch.apply_to(&mut self.settings),
            DossierAct::AddContact(patch) => self.add_contact(patch, at),
            DossierAct::ChangeContact(number, patch) => self.contact_mut(*number)?.change(patch, at),
            DossierAct::RemoveContact(number) => {
                self.contact_mut(*number)?;
                self.contacts.retain(|contact| contact.number != *number);
                Ok(())
            }
            DossierAct::AddLogin { name, may_sign_in } => self.add_login(name.as_deref(), *may_sign_in, email),
            DossierAct::ChangeLogin(number, patch) => self.change_login(*number, patch, email),
            DossierAct::RemoveLogin(number) => {
                self.login(*number)?;
                self.logins.retain(|login| login.number != *number);
                Ok(())
            }
            DossierAct::NameOwnLogin(name) => self.name_own_login(name, email),
        }
    }

    fn add_contact(&mut self, patch: &CardPatch, at: i64) -> Result<(), String> {
        if self.contacts.len() >= MAX_CONTACTS {
            return Err(format!("This account has {MAX_CONTACTS} contacts. Remove one that is no longer used first."));
        }
        let mut contact = ContactCard::new(self.contacts_issued + 1, at);
        contact.change(patch, at)?;
        self.contacts_issued += 1;
        self.contacts.push(contact);
        Ok(())
    }

    fn contact_mut(&mut self, number: i64) -> Result<&mut ContactCard, String> {
        let found = self.contacts.iter_mut().find(|contact| contact.number == number);
        found.ok_or_else(|| format!("This account has no contact {number}. Look at its contacts again."))
    }

    fn login(&self, number: i64) -> Result<&Login, String> {
        let found = self.logins.iter().find(|login| login.number == number);
        found.ok_or_else(|| format!("This account has no login {number}. Look at its logins again."))
    }

    /// Refuses a name that another login of the account has already, whatever the case.
    fn must_be_free(&self, name: Option<&str>, except: Option<i64>, email: &str) -> Result<(), String> {
        let wanted = name.unwrap_or(email).to_lowercase();
        let mut others = self.logins.iter().filter(|login| Some(login.number) != except);
        if !wanted.is_empty() && others.any(|login| login.shown(email).to_lowercase() == wanted) {
            return Err("The account has a login of this name already. Change that one, or choose another.".to_owned());
        }
        Ok(())
    }

    fn add_login(&mut self, name: Option<&str>, may_sign_in: bool, email: &str) -> Result<(), String> {
        self.must_be_free(name, None, email)?;
        let Some(name) = name else {
            if self.logins.iter().any(|login| login.number == Login::OWN) {
                return Err("The account's own login is there already. Send the login name of another one.".to_owned());
            }
            self.logins.insert(0, Login { may_sign_in, ..Login::own() });
            return Ok(());
        };
        if self.logins.len() >= MAX_LOGINS {
            return Err(format!("This account has {MAX_LOGINS} logins. Remove one that is no longer used first."));
        }
        self.logins_issued += 1;
        self.logins.push(Login { number: self.logins_issued, name: Some(name.to_owned()), may_sign_in });
        Ok(())
    }

    fn name_own_login(&mut self, name: &str, email: &str) -> Result<(), String> {
        self.must_be_free(Some(name), Some(Login::OWN), email)?;
        let named = Some(name.to_owned());
        match self.logins.iter_mut().find(|login| login.number == Login::OWN) {
            Some(own) => own.name = named,
            None => self.logins.insert(0, Login { name: named, ..Login::own() }),
        }
        Ok(())
    }

    fn change_login(&mut self, number: i64, patch: &LoginPatch, email: &str) -> Result<(), String> {
        let held = self.login(number)?.clone();
        let name = match &patch.name {
            None => held.name.clone(),
            Some(None) if number != Login::OWN => {
                return Err(
                    "Only the account's own login, 0, follows its e-mail address. Send a login name.".to_owned()
                );
            }
            Some(name) => name.clone(),
        };
        if name != held.name {
            self.must_be_free(name.as_deref(), Some(number), email)?;
        }
        let may_sign_in = patch.may_sign_in.unwrap_or(held.may_sign_in);
        if let Some(login) = self.logins.iter_mut().find(|login| login.number == number) {
            *login = Login { number, name, may_sign_in };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
