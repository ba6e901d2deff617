//! `[[subscriber]]`: who is told of changes, where, and of which.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use url::{Host, Url};

use super::file::SubscriberEntry;
use super::secrets::Distinct;
use super::sources::{invalid, resolve, signing};
use super::{ConfigError, Source};
use crate::auth::secret::SigningSecret;
use crate::domain::address::is_public;
use crate::domain::feed::EventKind;
use crate::domain::ids::SourceId;
use crate::domain::subscriber::wanted::Wanted;
use crate::domain::subscriber::{MAX_ID_CHARS, is_id};

/// Most subscribers. Each has a thread of its own, and up to `parallel` more while there is something to send.
const MAX_SUBSCRIBERS: usize = 32;

/// Most events that are sent to one subscriber at once.
const MAX_PARALLEL: usize = 16;

/// Longest that a subscriber may take for an answer. Longer ones only keep others waiting.
const MAX_TIMEOUT_SECONDS: u64 = 120;

/// Most secrets at once.
const MAX_SECRETS: usize = 4;

/// Longest link.
const MAX_URL_BYTES: usize = 2_048;

/// Where a subscriber listens. Its query may hold a secret, so that `Debug` and [`Endpoint::shown`] leave it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// The whole link, for sending.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The link as it may be shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut url = self.0.clone();
        let more = url.query().is_some();
        url.set_query(None);
        if more { format!("{url}?…") } else { url.to_string() }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Who is told of changes.
#[derive(Debug)]
pub struct Subscriber {
    /// Its name, for ever: what is kept of it goes by it.
    pub id: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What signs, at least one. Each makes a signature, so that either side can change first.
    pub secrets: Vec<SigningSecret>,
    /// What it wants.
    pub wanted: Wanted,
    /// Whether it may be in a network of its own, and be sent to without TLS.
    pub allow_private: bool,
    /// How long it may take, from looking its name up to the end of its answer.
    pub timeout: Duration,
    /// How many events may be under way at once.
    pub parallel: usize,
}

pub(super) fn build(
    entries: &[SubscriberEntry],
    sources: &[Source],
    secrets: &mut Distinct,
) -> Result<Vec<Arc<Subscriber>>, ConfigError> {
    if entries.len() > MAX_SUBSCRIBERS {
        return invalid(format!("there are {} subscribers, at most {MAX_SUBSCRIBERS} are possible", entries.len()));
    }
    let mut built: Vec<Arc<Subscriber>> = Vec::with_capacity(entries.len());
    for entry in entries {
        if built.iter().any(|known| known.id == entry.id) {
            return invalid(format!("two subscribers have the id \"{}\"", entry.id));
        }
        built.push(Arc::new(subscriber(entry, sources, secrets)?));
    }
    Ok(built)
}

fn subscriber(entry: &SubscriberEntry, sources: &[Source], secrets: &mut Distinct) -> Result<Subscriber, ConfigError> {
    if !is_id(&entry.id) {
        return invalid(format!(
            "subscriber id \"{}\" must be 1 to {MAX_ID_CHARS} letters, digits, - and _, since it stands in webhook ids",
            entry.id.escape_debug()
        ));
    }
    let at = |key: &str| format!("subscriber \"{}\": {key}", entry.id);
    let written = entry.secret.all();
    if written.is_empty() || written.len() > MAX_SECRETS {
        return invalid(at(&format!(
            "secret needs 1 to {MAX_SECRETS} secrets; make one with `tiersync secret new` and give it to the subscriber"
        )));
    }
    let secrets = resolve(written, &at("secret"), secrets, signing)?;
    if entry.events.is_empty() {
        return invalid(at("events = [] tells it nothing; leave it out for everything"));
    }
    let mut wanted = Wanted::kinds(entry.events.iter().map(String::as_str)).map_err(|pattern| {
        let names: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::as_str).collect();
        ConfigError::invalid(at(&format!(
            "events: \"{}\" is no event; there are {}, and account.*, relation.*, options.* and * for several",
            pattern.escape_debug(),
            names.join(", ")
        )))
    })?;
    wanted.sources.clone_from(&entry.sources);
    wanted.tenants.clone_from(&entry.tenants);
    for source in &entry.sources {
        let known = sources.iter().any(|known| known.credentials.id.as_str() == source) || source == SourceId::LOCAL;
        if !known {
            return invalid(at(&format!("sources: \"{}\" is the id of no [[source]]", source.escape_debug())));
        }
    }
    if !(1..=MAX_TIMEOUT_SECONDS).contains(&entry.timeout_seconds) {
        return invalid(at(&format!("timeout_seconds must be 1 to {MAX_TIMEOUT_SECONDS}")));
    }
    if !(1..=MAX_PARALLEL).contains(&entry.parallel) {
        return invalid(at(&format!("parallel must be 1 to {MAX_PARALLEL}")));
    }
    Ok(Subscriber {
        id: entry.id.clone(),
        endpoint: endpoint(entry, &at)?,
        secrets,
        wanted,
        allow_private: entry.allow_private,
        timeout: Duration::from_secs(entry.timeout_seconds),
        parallel: entry.parallel,
    })
}

fn endpoint(entry: &SubscriberEntry, at: &dyn Fn(&str) -> String) -> Result<Endpoint, ConfigError> {
    let text = entry.url.resolve(&at("url"))?;
    let text = text.expose_secret();
    let Some(url) = Url::parse(text).ok().filter(|url| url.has_host() && text.len() <= MAX_URL_BYTES) else {
        return invalid(at("url is no link such as https://crm.example/hooks/tiersync"));
    };
    match url.scheme() {
        "https" => {}
        "http" if entry.allow_private => {}
        "http" => {
            return invalid(at(
                "url begins with http://, and account data must not travel in clear; use https://, or allow_private = true \
                 within a network of your own",
            ));
        }
        _ => return invalid(at("url must begin with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid(at("url holds a user or password; every event is signed instead"));
    }
    if url.fragment().is_some() {
        return invalid(at("url has a part behind #, which is never sent"));
    }
    // Names are looked up when something is sent; addresses can be judged now.
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if literal.is_some_and(|address| !is_public(address)) && !entry.allow_private {
        return invalid(at("url names an address that is not public; say allow_private = true if that is meant"));
    }
    Ok(Endpoint(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn toml(lines: &str) -> String {
        let mut table = "[[subscriber]]\nid = \"crm\"\n".to_owned();
        if !lines.contains("url =") {
            table.push_str("url = \"https://crm.example/hook?token=hunter2\"\n");
        }
        if !lines.contains("secret =") {
            table.push_str(&format!("secret = \"{SECRET}\"\n"));
        }
        table + lines
    }

    fn complaint(toml: &str) -> String {
        Config::from_toml(toml).map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
    }

    #[test]
    fn all_keys_are_read_and_the_rest_has_defaults() -> Result<(), ConfigError> {
        let config = Config::from_toml(&toml(""))?;
        let plain = &config.subscribers[0];
        assert_eq!((plain.id.as_str(), plain.secrets.len(), plain.parallel), ("crm", 1, 4));
        assert_eq!(
            (plain.timeout, plain.allow_private, &plain.wanted),
            (Duration::from_secs(30), false, &Wanted::all())
        );
        assert_eq!(plain.endpoint.as_str(), "https://crm.example/hook?token=hunter2");
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let config = Config::from_toml(&toml(&format!(
            "url = \"http://10.0.0.7:8080/\"\nsecret = [\"{SECRET}\", \"{other}\"]\nevents = [\"account.*\", \"relation.opened\"]\n\
             sources = [\"local\"]\ntenants = [\"acme\"]\nallow_private = true\ntimeout_seconds = 5\nparallel = 1"
        )))?;
        let whole = &config.subscribers[0];
        assert_eq!((whole.secrets.len(), whole.parallel, whole.timeout), (2, 1, Duration::from_secs(5)));
        assert_eq!(whole.wanted.names().count(), 7);
        assert!(whole.wanted.wants_of("local", "acme") && !whole.wanted.wants_of("local", ""));
        Ok(())
    }

    #[test]
    fn neither_query_nor_secret_shows() -> Result<(), ConfigError> {
        let shown = format!("{:?}", Config::from_toml(&toml(""))?);
        assert!(shown.contains("https://crm.example/hook?…"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("MfKQ9r8GK"));
        Ok(())
    }

    #[test]
    fn complaints_say_where_and_what_and_no_secret() {
        let with_url = |url: &str| toml(&format!("url = \"{url}\""));
        for (toml, part) in [
            (toml("").replace("\"crm\"", "\"a.b\""), "must be 1 to 64 letters"),
            (toml("").replace("\"crm\"", "\"\""), "must be 1 to 64 letters"),
            (format!("{}\n{}", toml(""), toml("")), "two subscribers have the id \"crm\""),
            (format!("{}\n{}", toml(""), toml("").replace("\"crm\"", "\"b\"")), "same secret"),
            (toml("secret = []"), "secret needs 1 to 4"),
            (toml("secret = \"plain\""), "whsec_"),
            (toml("secret = \"env:TIERSYNC_NO_SUCH_VARIABLE\""), "TIERSYNC_NO_SUCH_VARIABLE"),
            (toml("events = []"), "leave it out"),
            (toml("events = [\"account.create\"]"), "\"account.create\" is no event; there are account.created,"),
            (toml("sources = [\"nowhere\"]"), "\"nowhere\" is the id of no [[source]]"),
            (toml("timeout_seconds = 0"), "1 to 120"),
            (toml("timeout_seconds = 121"), "1 to 120"),
            (toml("parallel = 0"), "1 to 16"),
            (toml("parallel = 17"), "1 to 16"),
            (toml("retries = 3"), "retries"),
            (with_url("hooks"), "no link such as"),
            (with_url("ftp://crm.example/"), "https://"),
            (with_url("http://crm.example/"), "allow_private"),
            (with_url("https://me:hunter2@crm.example/"), "user or password"),
            (with_url("https://crm.example/#hunter2"), "behind #"),
            (with_url("https://127.0.0.1/"), "not public"),
            (with_url("https://0x7f000001/"), "not public"),
            (with_url("https://[::ffff:10.0.0.1]/"), "not public"),
            (with_url("https://[::1]:8443/"), "not public"),
        ] {
            let complaint = complaint(&toml);
            assert!(complaint.contains(part), "{part:?} not in {complaint:?}");
            assert!(!complaint.contains("hunter2") && !complaint.contains("MfKQ9r8GK"), "{complaint:?}");
        }
        let many: String = (0..33).map(|at| toml("").replace("\"crm\"", &format!("\"s{at}\"")) + "\n").collect();
        assert!(complaint(&many).contains("at most 32"));
        for fine in [with_url("https://localhost/"), with_url("https://8.8.8.8/"), toml("allow_private = true")] {
            assert_eq!(complaint(&fine), "accepted", "{fine}");
        }
    }
}
