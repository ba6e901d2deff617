//! A client that sends exactly the bytes that it is told to: repeated headers, lying lengths, broken bodies.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use secrecy::SecretString;
use tiersync::auth::secret::SigningSecret;
use tiersync::auth::standard;

use super::app::{API_KEY, APPLICATION_ID, TestApp};

/// A call to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    content_length: Option<usize>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Now, in seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

impl Call {
    /// A call without credentials.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            content_length: None,
        }
    }

    /// An authentic POST below `/api`.
    pub fn post(endpoint: &str, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", &format!("/api/{endpoint}")).key().body(body)
    }

    /// An authentic Synchronize.
    pub fn synchronize(body: impl AsRef<[u8]>) -> Self {
        Self::post("Accounts/Synchronize", body)
    }

    /// Adds ApplicationId and APIKey.
    pub fn key(self) -> Self {
        self.header("X-CloudPlatform-ApplicationId", APPLICATION_ID).header("X-CloudPlatform-APIKey", API_KEY)
    }

    /// Adds a header, even if it is there already.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Sets the path.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Announces another length than the body has.
    pub fn content_length(mut self, length: usize) -> Self {
        self.content_length = Some(length);
        self
    }

    /// Signs it with the Standard Webhooks scheme.
    pub fn signed(self, secret: &str, id: &str, second: i64) -> Self {
        let secret = SigningSecret::parse(&SecretString::from(secret.to_owned())).unwrap();
        let signature = standard::sign(&secret, id, second, &self.body);
        self.header("webhook-id", id)
            .header("webhook-timestamp", second.to_string())
            .header("webhook-signature", signature)
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: tiersync.test\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let length = self.content_length.unwrap_or(self.body.len());
        head.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
        head
    }

    /// The whole request as bytes, for clients that keep a connection.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    /// Sends it and reads the whole answer; the connection is closed afterwards.
    pub fn send(&self, app: &TestApp) -> Reply {
        self.try_send(app.address).unwrap()
    }

    /// As [`Call::send`], for receivers that may be gone.
    pub fn try_send(&self, address: SocketAddr) -> std::io::Result<Reply> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(&self.head())?;
        // A receiver that refuses a large body early may close before all of it is sent.
        let _ = stream.write_all(&self.body);
        Reply::read(&mut stream)
    }
}

/// Reads what is there. A read with a timeout is interrupted where the process is stopped and goes on (signal(7)).
fn uninterrupted(stream: &mut TcpStream, into: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl Reply {
    /// Reads one answer.
    pub fn read(stream: &mut TcpStream) -> std::io::Result<Self> {
        let broken = || std::io::Error::other("the answer broke off");
        let mut bytes = Vec::new();
        let mut chunk = [0; 8192];
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            match uninterrupted(stream, &mut chunk)? {
                0 => return Err(broken()),
                read => bytes.extend_from_slice(&chunk[..read]),
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length =
            headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
        let mut body = bytes.split_off(head_end + 4);
        while body.len() < length.unwrap_or(0) {
            match uninterrupted(stream, &mut chunk)? {
                0 => return Err(broken()),
                read => body.extend_from_slice(&chunk[..read]),
            }
        }
        Ok(Self { status: status.ok_or_else(broken)?, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// `Code`.
    pub fn code(&self) -> i64 {
        self.json()["Code"].as_i64().unwrap_or_else(|| panic!("no Code in {}", self.body))
    }

    /// `Result`, which must be a text.
    pub fn result(&self) -> String {
        self.json()["Result"].as_str().unwrap_or_else(|| panic!("no Result in {}", self.body)).to_owned()
    }

    /// `Message`.
    pub fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap_or_default().to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
