//! A generated world of accounts with planted disagreements, of any size, and the list that somebody else keeps of it.
//! Rows go straight into the tables; the list comes in another order than the accounts.

use diesel::connection::SimpleConnection;
use tiersync::domain::reconcile::FindingKind;
use tiersync::store::AnyConnection;

/// Ids of accounts and relations begin here: in a chain that no writer opens while there are few.
pub const BASE: i64 = 77 << 40;

/// Kinds that are planted, each in a stretch of accounts of its own.
const KINDS: i64 = FindingKind::ALL.len() as i64;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// Since when everything is as it is: 2025-10-09.
pub const SINCE: i64 = 1_760_000_000_000_000;

/// How large, and with how many disagreements of each kind.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub accounts: i64,
    pub planted: i64,
}

/// The size that tests take: 20,000 accounts with 20 disagreements of each kind, or as many accounts as
/// TIERSYNC_TEST_ACCOUNTS says with a thousandth of it each.
pub fn size() -> World {
    let accounts = std::env::var("TIERSYNC_TEST_ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    World { accounts, planted: accounts / 1_000 }
}

impl World {
    fn resellers(&self) -> i64 {
        self.accounts / 100
    }

    /// The platform's ID of an account: none beside its neighbours'.
    pub fn platform_id(&self, at: i64) -> String {
        (5_000_000 + at * 7_919 % self.accounts).to_string()
    }

    /// The reseller of a customer.
    fn reseller(&self, at: i64) -> i64 {
        1 + at * 31 % (self.resellers() - 1)
    }

    /// Which disagreement is planted at an account.
    fn plant(&self, at: i64) -> Option<FindingKind> {
        let place = at - self.resellers() - 1;
        let kind = usize::try_from(place.checked_div(self.planted)?).ok()?;
        if place < 0 { None } else { FindingKind::ALL.get(kind).copied() }
    }

    fn is_direct(&self, at: i64) -> bool {
        at > self.accounts - self.accounts / 10
    }

    /// The platform IDs at which a kind is planted.
    pub fn expected(&self, kind: FindingKind) -> Vec<String> {
        let first = self.resellers() + 1 + kind as i64 * self.planted;
        let mut ids: Vec<String> = (first..first + self.planted).map(|at| self.platform_id(at)).collect();
        ids.sort();
        ids
    }

    /// Fills an empty database.
    pub fn fill(&self, connection: &mut AnyConnection) {
        let World { accounts, planted } = *self;
        let (resellers, direct) = (self.resellers(), accounts - accounts / 10);
        assert!(resellers + KINDS * planted < direct, "too many disagreements for so few accounts");
        let sqlite = matches!(connection, AnyConnection::Sqlite(_));
        let numbers = if sqlite {
            format!("RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {accounts})")
        } else {
            format!("n(i) AS (SELECT generate_series(CAST(1 AS BIGINT), {accounts}))")
        };
        // i numbers an account, k the kind that is planted at it, r its reseller.
        let world = format!(
            "WITH {numbers}, w(i, k, r) AS (SELECT i, \
             CASE WHEN i > {resellers} AND i <= {resellers} + {KINDS} * {planted} THEN (i - {resellers} - 1) / {planted} \
             ELSE -1 END, 1 + (i * 31) % ({resellers} - 1) FROM n)"
        );
        let name = |at: &str| format!("CAST(5000000 + (CAST({at} AS BIGINT) * 7919) % {accounts} AS TEXT)");
        let kind = |kind: FindingKind| kind as i64;
        use FindingKind as K;
        let reported_reseller = format!(
            "CASE WHEN i <= {resellers} OR i > {direct} THEN NULL WHEN k IN ({drift}, {review}) THEN {other} \
             WHEN k = {pending} THEN 'gone-' || i WHEN k = {not_one} THEN {customer} ELSE {own} END",
            drift = kind(K::Drift),
            review = kind(K::ChangeUnderReview),
            pending = kind(K::PendingReseller),
            not_one = kind(K::ResellerNotAReseller),
            other = name("(r + 1)"),
            customer = name(&accounts.to_string()),
            own = name("r"),
        );
        let account_kind = format!(
            "CASE WHEN i <= {resellers} THEN 'reseller' WHEN i > {direct} THEN 'direct_customer' ELSE 'reseller_customer' END"
        );
        let accounts_rows = format!(
            "{world} INSERT INTO accounts (id, source, tenant, platform_id, external_id, kind, status, name, code, email, \
             phone, fax, website, description, is_test, contact, address, extra_details, reported_kind, \
             reported_reseller, reported_external_id, hold, event_second, event_live, first_seen, revision, open_cases) \
             SELECT {BASE} + i, 'eu', '', {own}, 'x-' || i, {account_kind}, \
             CASE WHEN k = {deleted} THEN 'deleted' ELSE 'active' END, 'Πελάτης ' || i, 'C-' || i, 'c' || i || '@example.org', \
             '+30 210 0000000', '', 'https://example.org', '', {no}, '', \
             '{{\"city\":\"Αθήνα\",\"country_code\":\"GR\"}}', '', {account_kind}, {reported_reseller}, NULL, \
             CASE WHEN k = {drift} THEN 'operator' WHEN k = {review} THEN 'review' END, \
             {second}, {yes}, {SINCE}, 1, {no} FROM w WHERE k <> {missing}",
            own = name("i"),
            deleted = kind(K::DeletedHereAliveThere),
            drift = kind(K::Drift),
            review = kind(K::ChangeUnderReview),
            missing = kind(K::MissingHere),
            second = SINCE / 1_000_000,
            no = "FALSE",
            yes = "TRUE",
        );
        let customers = format!(
            "i > {resellers} AND i <= {direct} AND k NOT IN ({}, {})",
            kind(K::MissingHere),
            kind(K::DeletedHereAliveThere)
        );
        let columns = "id, account_id, axis, reseller_platform_id, reseller_account_id, partner_id, state, valid_from, \
                       learned_at, linked_at, cause, delivery_id, valid_to, closed_learned_at, closed_cause";
        let waits = format!("k IN ({}, {})", kind(K::PendingReseller), kind(K::ResellerNotAReseller));
        let open = format!(
            "{world} INSERT INTO relations ({columns}) SELECT {BASE} + i, {BASE} + i, 'reseller', \
             CASE WHEN k IN ({drift}, {review}) THEN {own} ELSE {reported_reseller} END, \
             CASE WHEN {waits} THEN NULL ELSE {BASE} + r END, NULL, \
             CASE WHEN {waits} THEN 'pending' ELSE 'linked' END, {SINCE}, {SINCE}, \
             CASE WHEN {waits} THEN NULL ELSE {SINCE} END, CASE WHEN k = {drift} THEN 'move' ELSE 'sync' END, \
             {BASE} + i, NULL, NULL, NULL FROM w WHERE {customers}",
            drift = kind(K::Drift),
            review = kind(K::ChangeUnderReview),
            own = name("r"),
        );
        // Some customers were elsewhere before; those that flap were with the same one before that.
        let closed = |offset: i64, reseller: &str, from: i64, to: i64, which: &str| {
            format!(
                "{world} INSERT INTO relations ({columns}) SELECT {BASE} + {offset} + i, {BASE} + i, 'reseller', {name}, \
                 {BASE} + {reseller}, NULL, 'linked', {from}, {from}, {from}, 'sync', NULL, {to}, {to}, 'sync' \
                 FROM w WHERE {customers} AND {which}",
                name = name(reseller),
            )
        };
        let flapping = format!("k = {}", kind(K::Flapping));
        let before = closed(
            accounts,
            "(r + 1)",
            SINCE - 10 * DAY,
            SINCE,
            &format!("(k = {} OR (k = -1 AND i % 20 = 0))", kind(K::Flapping)),
        );
        let home = closed(2 * accounts, "r", SINCE - 20 * DAY, SINCE - 10 * DAY, &flapping);
        for statement in [accounts_rows, open, before, home] {
            connection.batch_execute(&statement).unwrap();
        }
        let partners = format!(
            "{world} INSERT INTO relations ({columns}) SELECT {BASE} + {offset} + i, {BASE} + i, 'partner', NULL, \
             CASE WHEN k = {two} THEN {BASE} + r + 1 END, CASE WHEN k = {unknown} THEN '99999' \
             WHEN k = {suspended} THEN '22222' WHEN k = {ended} THEN '33333' ELSE '11111' END, \
             CASE WHEN k = {unknown} THEN 'pending' ELSE 'linked' END, {SINCE}, {SINCE}, \
             CASE WHEN k = {unknown} THEN NULL ELSE {SINCE} END, 'sync', {BASE} + i, NULL, NULL, NULL \
             FROM w WHERE k IN ({unknown}, {suspended}, {ended}, {disagree})",
            offset = 3 * accounts,
            two = kind(K::ResellerAndPartnerDisagree),
            unknown = kind(K::UnknownPartner),
            suspended = kind(K::PartnerSuspended),
            ended = kind(K::PartnerEnded),
            disagree = kind(K::ResellerAndPartnerDisagree),
        );
        connection.batch_execute(&partners).unwrap();
        // As the registry would have it: who is known is linked by name, too.
        let registry = format!(
            "INSERT INTO partners (partner_id, name, status, status_from, created_at, updated_at) VALUES \
             ('11111', 'Good', 'active', NULL, {SINCE}, {SINCE}), ('22222', 'Late', 'suspended', {SINCE}, {SINCE}, {SINCE}), \
             ('33333', 'Gone', 'ended', {SINCE}, {SINCE}, {SINCE}); \
             UPDATE relations SET linked_partner = partner_id WHERE axis = 'partner' AND state = 'linked'"
        );
        connection.batch_execute(&registry).unwrap();
        connection.batch_execute("ANALYZE").unwrap();
    }

    /// The partner that the list has for an account.
    fn partner(&self, at: i64) -> &'static str {
        match self.plant(at) {
            Some(FindingKind::PartnerDiffers) => "11111",
            Some(FindingKind::UnknownPartner) => "99999",
            Some(FindingKind::PartnerSuspended) => "22222",
            Some(FindingKind::PartnerEnded) => "33333",
            Some(FindingKind::ResellerAndPartnerDisagree) => "11111",
            _ => "",
        }
    }

    /// The line that their list has for an account; none for one that it leaves out.
    pub fn line(&self, at: i64) -> Option<[String; 7]> {
        use FindingKind as K;
        let plant = self.plant(at);
        if plant == Some(K::MissingThere) {
            return None;
        }
        let (mut reseller, mut kind) = match (at <= self.resellers(), self.is_direct(at)) {
            (true, _) => (String::new(), "Partner"),
            (_, true) => (String::new(), "direct_customer"),
            _ => (self.platform_id(self.reseller(at)), "End Customer"),
        };
        let mut name = format!("Πελάτης {at}");
        let mut email = format!("C{at}@Example.org");
        let mut external_id = format!("x-{at}");
        match plant {
            Some(K::ResellerDiffers) => reseller = self.platform_id(self.reseller(at) + 1),
            Some(K::KindDiffers) => (reseller, kind) = (String::new(), "Partner"),
            Some(K::ExternalIdDiffers) => external_id = format!("other-{at}"),
            Some(K::NameDiffers) => name = "Άλλος".to_owned(),
            Some(K::EmailDiffers) => email = "other@example.org".to_owned(),
            Some(K::PendingReseller) => reseller = format!("gone-{at}"),
            Some(K::ResellerNotAReseller) => reseller = self.platform_id(self.accounts),
            Some(K::MissingHere) => external_id = String::new(),
            _ => {}
        }
        let partner = self.partner(at).to_owned();
        Some([self.platform_id(at), name, reseller, kind.to_owned(), external_id, email, partner])
    }

    /// Their list: CSV with semicolons and columns of other names, in Windows-1253.
    pub fn write_csv(&self, out: &mut dyn std::io::Write) {
        let mut write = |cells: &[String]| {
            let text = cells.join(";") + "\r\n";
            let (bytes, _, wrong) = encoding_rs::WINDOWS_1253.encode(&text);
            assert!(!wrong, "{text}");
            out.write_all(&bytes).unwrap();
        };
        write(&["CustomerNo", "Επωνυμία", "PartnerNo", "Type", "Our ID", "E-Mail", "MPN"].map(str::to_owned));
        // Another order than that of the accounts.
        for at in 0..self.accounts {
            if let Some(cells) = self.line(1 + at * 3_967 % self.accounts) {
                write(&cells);
            }
        }
    }

    /// The flags that read [`World::write_csv`].
    pub const FLAGS: [&'static str; 8] = [
        "--encoding",
        "windows-1253",
        "--map",
        "platform_id=CustomerNo,reseller_id=PartnerNo,kind=Type,external_id=Our ID,name=Επωνυμία,email=E-Mail,partner_id=MPN",
        "--word",
        "Partner=reseller",
        "--word",
        "End Customer=reseller_customer",
    ];
}
