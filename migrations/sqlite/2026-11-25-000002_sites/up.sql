-- Where a customer is: its sites. Rows are never removed; with_account tells what comes back with its account.
CREATE TABLE sites (
    id INTEGER NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    with_account BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX sites_account ON sites (account_id, id);
-- What acts and calls look at: rows that ended for good must not slow them.
CREATE INDEX sites_living ON sites (account_id, id) WHERE status = 'active';
CREATE INDEX sites_waiting ON sites (account_id, id) WHERE with_account;

-- The probes that stand at sites.
CREATE TABLE probes (
    id INTEGER NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    site_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    with_account BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX probes_account ON probes (account_id, id);
CREATE INDEX probes_living ON probes (account_id, id) WHERE status = 'active';
CREATE INDEX probes_waiting ON probes (account_id, id) WHERE with_account;
CREATE INDEX probes_site ON probes (site_id, id);
CREATE INDEX probes_standing ON probes (site_id, id) WHERE status = 'active';

-- One row a revision of a site or probe, whose ids come of one sequence, without what may be personal.
CREATE TABLE site_history (
    thing_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    happening TEXT NOT NULL,
    changed TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    site_id BIGINT NOT NULL,
    from_site_id BIGINT,
    status TEXT NOT NULL,
    cause TEXT NOT NULL,
    delivery_id BIGINT,
    PRIMARY KEY (thing_id, revision)
);
CREATE INDEX site_history_account ON site_history (account_id, at);

-- How a customer's pages look. Colours as a JSON object.
CREATE TABLE brandings (
    account_id INTEGER NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    colours TEXT NOT NULL,
    logo_type TEXT,
    logo_size BIGINT,
    logo_digest BLOB,
    logo BLOB
);
