//! HTTP archives (HAR 1.2, w3c.github.io/web-performance/specs/HAR/Overview.html), as proxies and browsers write them.

use serde::Deserialize;
use serde_json::Value;

use super::capture::{self, Captured};
use super::check_only::check_only;

/// Largest archive, in bytes. It is one JSON value and has to be read whole, so this bounds the memory.
pub const MAX_ARCHIVE_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    request: Request,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    post_data: Option<Text>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    content: Option<Text>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    text: Option<String>,
}

/// What an archive holds.
#[derive(Debug)]
pub struct Read {
    /// The platform's calls, in the order in which they began.
    pub calls: Vec<Captured>,
    /// Entries that are no calls of the protocol.
    pub others: usize,
}

impl Request {
    fn header(&self, name: &str) -> Option<String> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(header.value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

/// Reads an archive. `tenant_header` is the header that tells tenants apart, if one does.
///
/// # Errors
/// A sentence that says what is wrong; it holds nothing of a body or header.
pub fn read(bytes: &[u8], tenant_header: Option<&str>) -> Result<Read, String> {
    let archive: Archive = serde_json::from_slice(bytes).map_err(|error| {
        // serde_json quotes what it met; its place is enough.
        format!("it is neither JSON lines nor a HAR 1.2 archive (line {}, column {})", error.line(), error.column())
    })?;
    let mut read = Read { calls: Vec::new(), others: 0 };
    for (at, entry) in archive.log.entries.into_iter().enumerate() {
        match call(entry, tenant_header).map_err(|why| format!("entry {}: {why}", at + 1))? {
            Some(call) => read.calls.push(call),
            None => read.others += 1,
        }
    }
    // The specification only prefers this order.
    read.calls.sort_by_key(|call| call.received_at);
    Ok(read)
}

fn call(entry: Entry, tenant_header: Option<&str>) -> Result<Option<Captured>, String> {
    let request = entry.request;
    let Ok(url) = url::Url::parse(&request.url) else { return Ok(None) };
    let endpoint = capture::endpoint(url.path()).filter(|_| request.method.eq_ignore_ascii_case("POST"));
    let Some(endpoint) = endpoint else { return Ok(None) };
    let received_at = capture::micros(&entry.started_date_time)?;
    let body = request.post_data.as_ref().and_then(|data| data.text.clone()).unwrap_or_default();
    let answer = entry.response.and_then(|response| response.content).and_then(|content| content.text);
    let answer = answer.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let said = |name: &str| answer.as_ref().and_then(|answer| answer.get(name));
    Ok(Some(Captured {
        received_at: Some(received_at),
        event_second: Some(received_at.div_euclid(1_000_000)),
        source: None,
        tenant: tenant_header.and_then(|name| request.header(name)).unwrap_or_default(),
        endpoint,
        check_only: check_only(None, url.query().unwrap_or_default()).unwrap_or(false),
        webhook_id: request.header("webhook-id"),
        track_id: request.header("X-CloudPlatform-TrackId"),
        outcome: None,
        code: said("Code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok()),
        result: said("Result").and_then(Value::as_str).map(str::to_owned),
        body: Some(body),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_among_other_requests_and_put_in_order() -> Result<(), String> {
        let entry = |at: &str, url: &str, body: &str| {
            format!(
                r#"{{"startedDateTime":"{at}","time":1,"request":{{"method":"POST","url":"{url}","httpVersion":"HTTP/1.1",
                "headers":[{{"name":"x-cloudplatform-setting-org","value":"north"}}],
                "postData":{{"mimeType":"application/json","text":"{body}"}}}},
                "response":{{"status":200,"content":{{"text":"{{\"Code\":0,\"Result\":\"X\"}}"}}}}}}"#
            )
        };
        let archive = format!(
            r#"{{"log":{{"version":"1.2","entries":[{},{},{}]}}}}"#,
            entry("2026-11-21T10:00:01.5Z", "https://a.example/x/api/Accounts/Delete?CheckOnly=true", "second"),
            entry("2026-11-21T11:00:00+01:00", "https://a.example/api/accounts/synchronize", "first"),
            entry("2026-11-21T10:00:00Z", "https://a.example/favicon.ico", ""),
        );
        let read = read(archive.as_bytes(), Some("X-CloudPlatform-Setting-Org"))?;
        let bodies: Vec<_> = read.calls.iter().map(|call| (call.body.as_deref(), call.check_only)).collect();
        assert_eq!((bodies, read.others), (vec![(Some("first"), false), (Some("second"), true)], 1));
        let first = read.calls.first().ok_or("no call")?;
        assert_eq!((first.tenant.as_str(), first.code, first.result.as_deref()), ("north", Some(0), Some("X")));
        Ok(())
    }

    #[test]
    fn what_is_no_archive_is_refused_without_being_quoted() {
        let error = read(b"{\"log\":{\"entries\":[{\"secret\":1}]}}", None).err().unwrap_or_default();
        assert!(error.contains("HAR 1.2") && !error.contains("secret"), "{error}");
    }
}
