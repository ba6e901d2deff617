-- Platform installations that were ever configured, with what would make their accounts ambiguous if it changed.
CREATE TABLE sources (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_setting TEXT NOT NULL,
    registered_at BIGINT NOT NULL
);

-- Accounts as they are held. Times are microseconds since 1970, but for event_second.
CREATE TABLE accounts (
    id BIGINT NOT NULL PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    fax TEXT NOT NULL,
    website TEXT NOT NULL,
    description TEXT NOT NULL,
    is_test BOOLEAN NOT NULL,
    contact TEXT NOT NULL,
    address TEXT NOT NULL,
    extra_details TEXT NOT NULL,
    reported_kind TEXT,
    reported_reseller TEXT,
    reported_external_id TEXT,
    hold TEXT,
    event_second BIGINT NOT NULL,
    event_live BOOLEAN NOT NULL,
    first_seen BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    last_delivery BIGINT,
    body_delivery BIGINT,
    body_digest BYTEA
) WITH (fillfactor = 70); -- room on each page, so that an update in place touches no index

-- Identity: what a call names. The most telling column comes first in both: with a shared beginning, a plan made while
-- the table was empty may take the one index for the other and walk through a whole source.
CREATE UNIQUE INDEX accounts_identity ON accounts (platform_id, source, tenant);
-- Who has an ExternalID: adoption, and ResellerExternalID.
CREATE UNIQUE INDEX accounts_external_id ON accounts (external_id, source, tenant);
-- Counts by kind, and the roots of the tree.
CREATE INDEX accounts_kind ON accounts (status, kind, id);

-- Synchronization options, each value as JSON.
CREATE TABLE sync_options (
    account_id BIGINT NOT NULL,
    option_id TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, option_id)
) WITH (fillfactor = 70); -- room on each page, so that an update in place touches no index

-- Who resells to whom: when it held (valid_*) and when we learned it (learned_at, closed_learned_at).
CREATE TABLE relations (
    id BIGINT NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    axis TEXT NOT NULL,
    reseller_platform_id TEXT COLLATE "C",
    reseller_external_id TEXT COLLATE "C",
    reseller_account_id BIGINT,
    partner_id TEXT,
    state TEXT NOT NULL,
    found_by TEXT,
    valid_from BIGINT NOT NULL,
    learned_at BIGINT NOT NULL,
    linked_at BIGINT,
    cause TEXT NOT NULL,
    delivery_id BIGINT,
    valid_to BIGINT,
    closed_learned_at BIGINT,
    closed_cause TEXT,
    closed_delivery_id BIGINT
);

-- At most one open relation of each axis; the relations that a batch loads.
CREATE UNIQUE INDEX relations_open ON relations (account_id, axis) WHERE valid_to IS NULL;
-- The history of one account.
CREATE INDEX relations_account ON relations (account_id, id);
-- The customers of a reseller.
CREATE INDEX relations_reseller ON relations (reseller_account_id, account_id)
    WHERE valid_to IS NULL AND reseller_account_id IS NOT NULL;
-- What waits for a reseller, by either of its names.
CREATE INDEX relations_waiting_platform_id ON relations (reseller_platform_id)
    WHERE valid_to IS NULL AND reseller_account_id IS NULL AND axis = 'reseller';
CREATE INDEX relations_waiting_external_id ON relations (reseller_external_id)
    WHERE valid_to IS NULL AND reseller_account_id IS NULL AND axis = 'reseller' AND reseller_external_id IS NOT NULL;

-- The ledger: one row a call. The id is chain and position; hash covers the row and the one before it.
CREATE TABLE deliveries (
    id BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    path TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    event_second BIGINT NOT NULL,
    replayed BOOLEAN NOT NULL,
    check_only BOOLEAN NOT NULL,
    webhook_id TEXT,
    track_id TEXT,
    headers TEXT NOT NULL,
    body_of BIGINT NOT NULL,
    body_digest BYTEA NOT NULL,
    outcome TEXT NOT NULL,
    code INTEGER NOT NULL,
    message TEXT NOT NULL,
    result TEXT,
    kind TEXT,
    rule TEXT,
    account_id BIGINT,
    platform_id TEXT,
    trace TEXT NOT NULL,
    hash BYTEA NOT NULL
);

-- Lists, newest first; chains interleave, so the id alone is no order in time.
CREATE INDEX deliveries_received ON deliveries (received_at, id);
-- The deliveries of one account.
CREATE INDEX deliveries_account ON deliveries (account_id, id) WHERE account_id IS NOT NULL;

-- Redacted bodies, apart from the ledger's rows so that they can be emptied.
CREATE TABLE bodies (
    delivery_id BIGINT NOT NULL PRIMARY KEY,
    body BYTEA NOT NULL
);

-- Ids that a valid signature covered, remembered for ever, and the delivery that answers for each.
CREATE TABLE webhook_ids (
    source TEXT COLLATE "C" NOT NULL,
    webhook_id TEXT COLLATE "C" NOT NULL,
    delivery_id BIGINT NOT NULL,
    PRIMARY KEY (source, webhook_id)
);

-- One chain a writer: how many deliveries and other rows it has numbered, the hash of its last delivery, who writes it.
CREATE TABLE ledger_chains (
    chain BIGINT NOT NULL PRIMARY KEY,
    deliveries BIGINT NOT NULL,
    rows_issued BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    owner TEXT NOT NULL,
    claimed_at BIGINT NOT NULL
);

-- Names that a transaction is about to make or to wait for. A row lives only inside its transaction: two receivers that
-- meet at a name which has no account yet have no account row to lock. SQLite has one writer and leaves it empty.
CREATE TABLE arrivals (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
