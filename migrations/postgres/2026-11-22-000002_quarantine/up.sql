-- Refused calls that an operator can put right, one case an account, content and code, however often it was sent.
CREATE TABLE cases (
    id BIGINT NOT NULL PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    endpoint TEXT NOT NULL,
    platform_id TEXT COLLATE "C" NOT NULL,
    body_digest BYTEA NOT NULL,
    code INTEGER NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    last_delivery BIGINT NOT NULL,
    event_second BIGINT NOT NULL,
    times BIGINT NOT NULL,
    state TEXT NOT NULL,
    closed_as TEXT,
    closed_at BIGINT,
    closed_delivery BIGINT,
    closed_why TEXT
);

-- The open case of a refused call; the open cases of an account, which a success closes.
CREATE UNIQUE INDEX cases_open ON cases (platform_id, source, tenant, endpoint, code, body_digest) WHERE state = 'open';
-- Lists, and reprocessing in the order of the events.
CREATE INDEX cases_event ON cases (state, event_second, id);

-- Whether an account may have open cases, so that other calls need not look; and the second of its erasure.
ALTER TABLE accounts ADD COLUMN open_cases BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN erased_second BIGINT;

-- Calls that named an account which never came to be: an erasure must find their bodies.
CREATE INDEX deliveries_unknown ON deliveries (platform_id) WHERE account_id IS NULL AND platform_id IS NOT NULL;
