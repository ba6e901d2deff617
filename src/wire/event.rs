//! What subscribers are sent: CloudEvents 1.0 in structured mode, as JSON (cloudevents.io, "JSON Event Format").

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded::byte_serialize;

use super::time::rfc3339;

/// The content type of a CloudEvent in structured mode.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What an event is, besides its data.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Its place in the feed.
    pub position: i64,
    /// When it was committed, in microseconds since 1970.
    pub at: i64,
    /// Its kind, such as `account.updated`.
    pub kind: &'a str,
    /// Our id of the account.
    pub account: &'a str,
    /// What the account is called: its ExternalID, or our id.
    pub subject: &'a str,
    /// The source of the account.
    pub source: &'a str,
}

impl Envelope<'_> {
    /// The event's id: the same whenever it is sent, and another one after the feed began anew, with a database that was
    /// built again.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.position.to_string(), &self.at.to_string(), self.kind, self.account] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest: String = hex::encode(hash.finalize()).chars().take(12).collect();
        format!("{}-{digest}", self.position)
    }

    /// The `webhook-id` under which a subscriber gets it.
    #[must_use]
    pub fn webhook_id(&self, subscriber: &str) -> String {
        format!("{subscriber}-{}", self.id())
    }

    /// The event as it is sent. `base` is the receiver's public URL, if it is known.
    #[must_use]
    pub fn body(&self, base: Option<&str>, change: &impl Serialize, account: Option<&impl Serialize>) -> Vec<u8> {
        let data = json!({"change": change, "account": account});
        written(&json!({
            "specversion": "1.0",
            "id": self.id(),
            "source": source(base, self.source),
            "type": format!("tiersync.{}", self.kind),
            "subject": self.subject,
            "time": rfc3339(self.at),
            "datacontenttype": "application/json",
            // The extension "sequence": compared as text it gives the order of the feed.
            "sequence": format!("{:019}", self.position),
            // The extension "partitioning": what must stay in order.
            "partitionkey": self.account,
            "data": data,
        }))
    }
}

/// The event of `subscribers test`. `now` is in microseconds since 1970.
#[must_use]
pub fn ping(base: Option<&str>, subscriber: &str, id: &str, now: i64) -> Vec<u8> {
    written(&json!({
        "specversion": "1.0",
        "id": id,
        "source": base.unwrap_or("/"),
        "type": "tiersync.ping",
        "subject": subscriber,
        "time": rfc3339(now),
        "datacontenttype": "application/json",
        "data": {"subscriber": subscriber},
    }))
}

fn written(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

/// Where an event comes from: the source's own part of this receiver (README, "Other calls").
fn source(base: Option<&str>, source: &str) -> String {
    // A space becomes a plus sign: good in a URI reference, and nobody follows it.
    let source: String = byte_serialize(source.as_bytes()).collect();
    format!("{}/s/{source}", base.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Envelope<'_> = Envelope {
        position: 7,
        at: 1_795_304_000_250_000,
        kind: "account.updated",
        account: "0-3",
        subject: "f54f2ea3",
        source: "eu west/1",
    };

    #[test]
    fn ids_name_an_event_for_ever() {
        assert_eq!(EVENT.id(), EVENT.id());
        assert_eq!(EVENT.webhook_id("crm"), format!("crm-{}", EVENT.id()));
        assert!(EVENT.id().starts_with("7-") && EVENT.id().len() == 14 && !EVENT.id().contains('.'));
        let others = [
            Envelope { position: 8, ..EVENT },
            Envelope { at: 1, ..EVENT },
            Envelope { kind: "account.deleted", ..EVENT },
            Envelope { account: "0-4", ..EVENT },
        ];
        for other in others {
            assert_ne!(other.id(), EVENT.id(), "{other:?}");
        }
    }

    #[test]
    fn bodies_are_cloud_events() -> Result<(), serde_json::Error> {
        let body: Value = serde_json::from_slice(&EVENT.body(None, &json!({"a": 1}), None::<&Value>))?;
        assert_eq!(
            body,
            json!({"specversion": "1.0", "id": EVENT.id(), "source": "/s/eu+west%2F1", "type": "tiersync.account.updated",
                "subject": "f54f2ea3", "time": "2026-11-21T23:33:20.25Z", "datacontenttype": "application/json",
                "sequence": "0000000000000000007", "partitionkey": "0-3", "data": {"change": {"a": 1}, "account": null}})
        );
        let body: Value = serde_json::from_slice(&EVENT.body(Some("https://sync.example"), &1, Some(&2)))?;
        assert_eq!(
            (&body["source"], &body["data"]),
            (&json!("https://sync.example/s/eu+west%2F1"), &json!({"change": 1, "account": 2}))
        );
        let ping: Value = serde_json::from_slice(&ping(None, "crm", "crm-ping-1", 0))?;
        assert_eq!(
            (&ping["type"], &ping["subject"], &ping["source"]),
            (&json!("tiersync.ping"), &json!("crm"), &json!("/"))
        );
        Ok(())
    }
}
