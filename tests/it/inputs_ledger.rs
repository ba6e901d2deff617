//! What the ledger holds after a call, and whether the connection that carried it is still good.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tiersync::domain::ledger::Delivery;
use tiersync::store::AnyConnection;
use tiersync::store::accounts::{self, AccountFilter, Listed};
use tiersync::store::deliveries::{self, DeliveryFilter};

use crate::harness::{Call, Reply, TestApp};

/// More rows than any test makes.
const ALL: i64 = 10_000;

/// The database of a receiver, read beside it.
pub struct Ledger(AnyConnection);

impl Ledger {
    /// Opens a connection of its own.
    pub fn of(app: &TestApp) -> Self {
        Self(app.database())
    }

    /// Every delivery, newest first.
    pub fn deliveries(&mut self) -> Vec<Delivery> {
        let rows = deliveries::list(&mut self.0, &DeliveryFilter::default(), None, ALL).unwrap();
        rows.into_iter().map(|(delivery, _)| delivery).collect()
    }

    /// How many deliveries there are.
    pub fn count(&mut self) -> usize {
        self.deliveries().len()
    }

    /// The newest delivery.
    pub fn newest(&mut self) -> Delivery {
        self.deliveries().into_iter().next().expect("a delivery")
    }

    /// The body that a delivery carries.
    pub fn body(&mut self, delivery: &Delivery) -> Vec<u8> {
        deliveries::body(&mut self.0, delivery.body_of).unwrap().expect("a body")
    }

    /// An account by its platform ID.
    pub fn account(&mut self, platform_id: &str) -> Option<Listed> {
        let filter = AccountFilter { platform_id: Some(platform_id.to_owned()), ..AccountFilter::default() };
        let mut found = accounts::list(&mut self.0, &filter, None, ALL).unwrap();
        assert!(found.len() <= 1, "one platform ID, one account: {found:?}");
        found.pop()
    }

    /// The connection itself, for whatever else is to be read.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// A connection to the receiver that fails a read after ten seconds of silence instead of waiting for ever.
pub fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(app.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Asserts that the receiver closed this connection.
pub fn assert_closed(name: &str, stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        // Closed with bytes of ours unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{name}: the connection hangs: {error}"),
    }
    assert!(rest.is_empty(), "{name}: something follows the answer: {:?}", String::from_utf8_lossy(&rest));
}

/// Sends a call; afterwards its connection either carries the next call or is closed, as the answer announces.
pub fn exchange(app: &TestApp, name: &str, call: &Call) -> Reply {
    let mut stream = connect(app);
    // A receiver that refuses a large body early may close before all of it is sent.
    let _ = stream.write_all(&call.bytes());
    let reply = Reply::read(&mut stream).unwrap_or_else(|error| panic!("{name}: {error}"));
    if reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        assert_closed(name, &mut stream);
    } else {
        stream.write_all(&Call::new("GET", "/healthz").bytes()).unwrap();
        let next = Reply::read(&mut stream).unwrap_or_else(|error| panic!("{name}: the next call: {error}"));
        assert_eq!(next.status, 200, "{name}: the next call on the same connection: {}", next.body);
    }
    reply
}

/// Sends a call and asserts status, code and that it is one delivery if it was answered 200 or 400, and none otherwise.
pub fn check(app: &TestApp, ledger: &mut Ledger, name: &str, call: &Call, expected: (u16, i64)) -> Reply {
    let before = ledger.count();
    let reply = exchange(app, name, call);
    assert_eq!((reply.status, reply.code()), expected, "{name}: {}", reply.body);
    let rows = usize::from(matches!(reply.status, 200 | 400));
    assert_eq!(ledger.count() - before, rows, "{name}: deliveries");
    if rows == 1 {
        let delivery = ledger.newest();
        assert_eq!(i64::from(delivery.code), expected.1, "{name}: the code in the ledger");
        assert_eq!(delivery.message, reply.message(), "{name}: the message in the ledger");
        assert_eq!(delivery.result.as_deref(), reply.json()["Result"].as_str(), "{name}: the result in the ledger");
        let refused = !matches!(expected.1, 0 | 1);
        assert_eq!(delivery.outcome.as_str() == "rejected", refused, "{name}: {:?}", delivery.outcome);
    }
    reply
}

/// Asserts that the receiver still does its work: a good call is stored and answered.
pub fn assert_alive(app: &TestApp) {
    let reply = app.synchronize(r#"{"ID":"still-here","Role":"User"}"#);
    assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.body);
    let ready = app.get("/readyz");
    assert_eq!(ready.status, 200, "{}", ready.body);
}
