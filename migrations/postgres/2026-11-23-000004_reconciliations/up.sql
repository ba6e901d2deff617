-- Runs of the reconciliation that a receiver works on. The id is when it was asked for, in microseconds since 1970, as all
-- times are; worker is the receiver that works on it and worked_at when that was last heard of. slot numbers the turns of
-- the schedule, so that of several receivers one takes each.
CREATE TABLE reconciliations (
    id BIGINT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    against TEXT NOT NULL,
    scheduled BOOLEAN NOT NULL,
    slot BIGINT,
    requested_by TEXT,
    started_at BIGINT,
    finished_at BIGINT,
    options TEXT NOT NULL,
    worker TEXT NOT NULL,
    worked_at BIGINT NOT NULL,
    reason TEXT,
    ours BIGINT NOT NULL,
    theirs BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    troubles BIGINT NOT NULL,
    told TEXT NOT NULL
);

CREATE UNIQUE INDEX reconciliations_slot ON reconciliations (slot) WHERE slot IS NOT NULL;
-- What is not finished, and who works on it: few.
CREATE INDEX reconciliations_unfinished ON reconciliations (worked_at) WHERE finished_at IS NULL;

-- How many findings of each kind a run had. hidden are those that were acknowledged then and are not stored.
CREATE TABLE reconciliation_counts (
    run_id BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    found BIGINT NOT NULL,
    hidden BIGINT NOT NULL,
    PRIMARY KEY (run_id, kind)
);

-- Findings in the order in which a run came upon them. fingerprint is the same for what is found again unchanged.
CREATE TABLE reconciliation_findings (
    run_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    account_id BIGINT,
    source TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    external_id TEXT NOT NULL,
    ours TEXT,
    theirs TEXT,
    since BIGINT,
    delivery_id BIGINT,
    line BIGINT,
    proposal TEXT NOT NULL,
    explanation TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
);

-- One finding of a run, and which runs have what is acknowledged.
CREATE INDEX reconciliation_findings_fingerprint ON reconciliation_findings (fingerprint, run_id);
-- A page of one kind.
CREATE INDEX reconciliation_findings_kind ON reconciliation_findings (run_id, kind, position);
-- What a run found about one account, for its erasure and for a reseller's view.
CREATE INDEX reconciliation_findings_account ON reconciliation_findings (platform_id, source, tenant);

-- Findings that somebody knows of: quiet until they change, which gives them another fingerprint.
CREATE TABLE acknowledgements (
    fingerprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    note TEXT NOT NULL,
    operator TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- An erasure takes them away.
CREATE INDEX acknowledgements_account ON acknowledgements (platform_id, source, tenant);
