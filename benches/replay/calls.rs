//! The calls: made up and signed beforehand, so that wrk and bare connections only have to send them.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tiersync::auth::secret::SigningSecret;
use tiersync::config::sender::Sender;
use tiersync::domain::call::Endpoint;
use tiersync::ops::replay::letter::{Letter, Manner};
use tiersync::wire::capture::only_body;

use crate::{load, server};

/// When the accounts were made, and when they were changed, in seconds since 1970.
const MADE: i64 = 1_780_000_000;
pub const CHANGED: i64 = 1_780_003_600;

pub struct Calls {
    /// Requests that make every account.
    pub first: Vec<Vec<u8>>,
    /// Requests that change accounts, as a replay signs them.
    pub signed: Vec<Vec<u8>>,
    /// The same for wrk, and the same without signatures.
    pub signed_file: PathBuf,
    pub unsigned_file: PathBuf,
    /// The bodies of the same, for the replay.
    pub bodies: PathBuf,
}

/// Who sends.
pub fn sender() -> Sender {
    Sender {
        application_id: server::APPLICATION_ID.to_owned(),
        api_key: Some(server::API_KEY.to_owned().into()),
        replay_secret: Some(SigningSecret::parse(&server::REPLAY_SECRET.to_owned().into()).unwrap()),
        signing_secret: None,
        tenant_setting: None,
    }
}

impl Calls {
    pub fn make(folder: &Path, ids: u64, changes: u64) -> Self {
        let sender = sender();
        let mut text = String::new();
        let mut signed = |call: u64, version: u64, second: i64| {
            // A stride that is prime to the number of accounts visits each once before any twice.
            load::body(call.wrapping_mul(7_368_787) % ids, ids, version, &mut text);
            let mut captured = only_body(text.clone(), Endpoint::Synchronize, "");
            let manner = Manner::AsCaptured(Some(second * 1_000_000));
            let letter = Letter::of(call + 1, &mut captured, None, "bench", &manner, i64::MAX).unwrap().unwrap();
            let (second, signature) = letter.signature(&sender, 0).unwrap();
            let headers = [
                format!("webhook-id: {}", letter.id),
                format!("webhook-timestamp: {second}"),
                format!("webhook-signature: {signature}"),
            ];
            (request(&headers, &text), text.clone())
        };
        let calls = Self {
            first: (0..ids).map(|call| signed(call, 1, MADE).0).collect(),
            signed: Vec::new(),
            signed_file: folder.join("signed"),
            unsigned_file: folder.join("unsigned"),
            bodies: folder.join("bodies.jsonl"),
        };
        let create = |path: &Path| BufWriter::new(std::fs::File::create(path).unwrap());
        let mut signed_file = create(&calls.signed_file);
        let mut unsigned_file = create(&calls.unsigned_file);
        let mut bodies = create(&calls.bodies);
        let signed = (0..changes)
            .map(|call| {
                let (request_bytes, body) = signed(call, 2 + call / ids, CHANGED);
                let unsigned = request(&[format!("X-CloudPlatform-TrackId: {:016x}", mix(call))], &body);
                for (file, bytes) in [(&mut signed_file, &request_bytes), (&mut unsigned_file, &unsigned)] {
                    writeln!(file, "{}", bytes.len()).unwrap();
                    file.write_all(bytes).unwrap();
                }
                writeln!(bodies, "{body}").unwrap();
                request_bytes
            })
            .collect();
        Self { signed, ..calls }
    }
}

/// Spreads numbers (SplitMix64), for wrk's sake: LuaJIT tells long texts apart by a few of their bytes only.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

fn request(headers: &[String], body: &str) -> Vec<u8> {
    let mut text = format!(
        "POST /api/Accounts/Synchronize HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         X-CloudPlatform-ApplicationId: {}\r\nX-CloudPlatform-APIKey: {}\r\nContent-Length: {}\r\n",
        server::APPLICATION_ID,
        server::API_KEY,
        body.len()
    );
    for header in headers {
        write!(text, "{header}\r\n").unwrap();
    }
    write!(text, "\r\n{body}").unwrap();
    text.into_bytes()
}
