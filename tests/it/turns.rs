//! Two lanes of one receiver on PostgreSQL: what they write is what one would have written, and nobody waits for more than
//! what a call is about.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tiersync::app::Options;
use tiersync::ops::alone;
use tiersync::store::connection::{Database, Use};
use tiersync::store::schema::{accounts, relations};
use tiersync::store::{migrate, places, transaction};
use tiersync::writer::faults::Faults;
use tiersync::writer::{Answered, BatchReport, Observer, SubmitError, Writer, WriterConfig};

use crate::commands_binary::until;
use crate::gate::{Gate, PLUG, in_one_batch, quiet};
use crate::harness::{Backend, TestApp, backends, config, postgres};
use crate::histories::History;
use crate::ledger::assert_whole;

pub fn customer(id: &str, reseller: &str, name: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"{reseller}","Name":"{name}"}}"#)
}

pub fn reseller(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"Reseller","ResellerID":"{id}","Name":"Reseller {id}"}}"#)
}

struct Silence;

impl Observer for Silence {
    fn committed(&self, _: BatchReport) {}
    fn rerun(&self, _: &'static str) {}
}

type Owed = Pin<Box<dyn Future<Output = Result<Answered, SubmitError>>>>;

#[test]
fn calls_about_one_account_are_written_in_their_order() {
    /// More than two batches.
    const CALLS: usize = 700;
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let bodies: Vec<String> = (0..CALLS)
        .map(|n| format!(r#"{{"ID":"{}","Role":"User","ResellerID":"","Name":"Version {n}"}}"#, n % 7))
        .collect();
    let history = History::of(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let config = history.config();
    let database = Database::parse(&postgres::shared().unwrap().new_schema()).unwrap();
    migrate::run(&mut database.connect(Use::Write).unwrap()).unwrap();
    let (writer, thread) = Writer::start(WriterConfig {
        database: database.clone(),
        queue: 1024,
        lanes: 2,
        sources: alone::registered(&config),
        observer: Arc::new(Silence),
        faults: Faults::default(),
    })
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let entered = runtime.enter();
    let owed: Vec<Owed> = history
        .calls(&config)
        .into_iter()
        .map(|call| {
            let (writer, policy) = (writer.clone(), config.sources[0].policy.clone());
            let mut owed: Owed = Box::pin(async move { writer.submit(call, policy).await });
            // The first poll queues it.
            assert!(owed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            owed
        })
        .collect();
    drop(entered);
    runtime.block_on(async {
        for owed in owed {
            assert_eq!(owed.await.unwrap().answer.code.number(), 0);
        }
    });
    drop(writer);
    thread.join();
    let mut reader = database.connect(Use::Read).unwrap();
    let names: Vec<String> = accounts::table.order(accounts::name).select(accounts::name).load(&mut reader).unwrap();
    let last: Vec<String> = (CALLS - 7..CALLS).map(|n| format!("Version {n}")).collect();
    assert_eq!(names, last);
    assert_whole(&mut reader);
}

#[test]
fn who_comes_with_the_reseller_that_it_has_does_not_wait_for_the_directory() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = TestApp::start(Backend::Postgres);
    for call in [reseller("r"), reseller("s"), customer("c", "r", "One")] {
        assert_eq!(app.synchronize(&call).code(), 0);
    }
    let mut keeper = app.database();
    transaction::begin(&mut keeper, None).unwrap();
    places::take_alone(&mut keeper).unwrap();
    // While somebody changes places: neither what it is called nor what its reseller is called touches any.
    for call in [customer("c", "r", "Two"), reseller("r").replace("Reseller r", "Another name")] {
        let told = app.synchronize(&call);
        assert_eq!((told.status, told.code()), (200, 0), "{}", told.body);
    }
    std::thread::scope(|scope| {
        let moves = scope.spawn(|| app.synchronize(&customer("c", "s", "Three")));
        until("the call that names another reseller waits", || {
            app.get("/metrics").body.contains("tiersync_batch_reruns_total{reason=\"directory\"}")
        });
        transaction::roll_back(&mut keeper);
        assert_eq!(moves.join().unwrap().code(), 0);
    });
    let linked: Vec<Option<String>> = relations::table
        .filter(relations::valid_to.is_null())
        .select(relations::reseller_platform_id)
        .load(&mut app.database())
        .unwrap();
    assert_eq!(linked, [Some("s".to_owned())]);
    assert_whole(&mut app.database());
}

/// The other one is at hand in the same batch, and the one that is left could come back.
#[test]
fn who_leaves_a_reseller_waits_for_the_directory_whoever_comes_with_it() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let url = postgres::shared().unwrap().new_schema();
    let (toml, gate) = (config("", ""), Gate::default());
    let before = TestApp::on(&url, &toml, Options::default(), None);
    for call in [reseller("s"), customer("c", "r", "One"), PLUG.to_owned()] {
        assert_eq!(before.synchronize(&call).code(), 0);
    }
    let app = TestApp::on(&url, &toml, quiet(gate.faults()), None);
    let mut keeper = app.database();
    transaction::begin(&mut keeper, None).unwrap();
    places::take_alone(&mut keeper).unwrap();
    let calls = [reseller("s").replace("Reseller s", "Another name"), customer("c", "s", "Two")];
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| in_one_batch(&app, &gate, &calls));
        until("the batch waits", || {
            app.get("/metrics").body.contains("tiersync_batch_reruns_total{reason=\"directory\"}")
        });
        transaction::roll_back(&mut keeper);
        assert!(sent.join().unwrap().iter().all(|told| told.code() == 0));
    });
    assert_whole(&mut app.database());
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Whether a receiver whose connections are called this waits for a lock.
pub fn waits(observer: &mut PgConnection, name: &str) -> bool {
    let waiting: Waiting = diesel::sql_query(
        "SELECT count(*) AS count FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'",
    )
    .bind::<Text, _>(name)
    .get_result(observer)
    .unwrap();
    waiting.count > 0
}

/// Behind a lock that had to be waited for, PostgreSQL shows the locked row as it is then, and what is joined to it as it was
/// before.
#[test]
fn an_account_that_was_locked_has_the_relations_of_then() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let url = postgres::shared().unwrap().new_schema();
    let app = TestApp::on(
        &format!("{url}&application_name=tiersync-relations-of-then"),
        &config("", ""),
        Options::default(),
        None,
    );
    for call in [reseller("r"), customer("c", "r", "One")] {
        assert_eq!(app.synchronize(&call).code(), 0);
    }
    let mut other = PgConnection::establish(&url).unwrap();
    other
        .batch_execute(
            "BEGIN; UPDATE accounts SET revision = revision + 1 WHERE platform_id = 'c'; \
             UPDATE relations SET valid_to = valid_from + 1, closed_learned_at = learned_at + 1, closed_cause = 'move'",
        )
        .unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| app.synchronize(&customer("c", "r", "Two")));
        let mut observer = PgConnection::establish(&url).unwrap();
        until("the call waits for the account", || waits(&mut observer, "tiersync-relations-of-then"));
        other.batch_execute("COMMIT").unwrap();
        assert_eq!(call.join().unwrap().code(), 0);
    });
    let open: Vec<bool> =
        relations::table.order(relations::id).select(relations::valid_to.is_null()).load(&mut app.database()).unwrap();
    assert_eq!(open, [false, true], "the relation that had ended is followed by one of its own");
}
