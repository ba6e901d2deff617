//! The ledger: what a row records, how chains go on, and that tampering shows.

use tiersync::ops::verify;
use tiersync::store::AnyConnection;

/// The ledger holds, and has a head for what it holds.
pub fn assert_whole(database: &mut AnyConnection) {
    let report = verify::verify(database, &[], &|_, _| {}).unwrap();
    assert_eq!(report.findings, [], "the ledger does not hold");
    let expected: i64 = report.heads.iter().map(|head| head.position).sum();
    assert_eq!(i64::try_from(report.rows).unwrap(), expected, "rows and heads disagree");
}
