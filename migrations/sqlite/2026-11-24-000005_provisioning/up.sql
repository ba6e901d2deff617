-- What the vendor's systems have to do again behind a move: one row a request. Rows are never removed. Times are
-- microseconds since 1970. The counts are those of its items; released says that items besides the directory's may be taken.
CREATE TABLE provisioning_requests (
    id INTEGER NOT NULL PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    cause TEXT NOT NULL,
    move_id BIGINT,
    reason TEXT,
    state TEXT NOT NULL,
    released BOOLEAN NOT NULL,
    pending BIGINT NOT NULL,
    running BIGINT NOT NULL,
    done BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    changed_at BIGINT NOT NULL,
    cancelled_at BIGINT,
    cancelled_why TEXT
);
CREATE INDEX provisioning_requests_opened ON provisioning_requests (opened_at, id);
CREATE INDEX provisioning_requests_state ON provisioning_requests (state, opened_at, id);
CREATE INDEX provisioning_requests_customer ON provisioning_requests (customer_id, opened_at, id);
CREATE INDEX provisioning_requests_move ON provisioning_requests (move_id, opened_at, id) WHERE move_id IS NOT NULL;

-- Their items. An item may be taken when it is pending and ready, from not_before on. told says that subscribers know.
-- attempts counts all of them; those up to forgiven were before somebody asked for it again. worker and lease_until are
-- those of the last attempt.
CREATE TABLE provisioning_items (
    id INTEGER NOT NULL PRIMARY KEY,
    request_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    service_id BIGINT,
    user_id BIGINT,
    from_plan TEXT NOT NULL,
    from_location TEXT NOT NULL,
    to_plan TEXT NOT NULL,
    to_location TEXT NOT NULL,
    from_ou TEXT,
    to_ou TEXT,
    state TEXT NOT NULL,
    ready BOOLEAN NOT NULL,
    told BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    forgiven BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    worker TEXT,
    lease_until BIGINT,
    reason TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX provisioning_items_request ON provisioning_items (request_id, id);
CREATE INDEX provisioning_items_state ON provisioning_items (request_id, state, id);
-- What may be taken, and what subscribers do not know of yet.
CREATE INDEX provisioning_items_takeable ON provisioning_items (kind, not_before, id) WHERE state = 'pending' AND ready;
CREATE INDEX provisioning_items_untold ON provisioning_items (not_before, id) WHERE state = 'pending' AND ready AND NOT told;
-- What somebody is at work on: few. The same for a customer.
CREATE INDEX provisioning_items_leases ON provisioning_items (lease_until) WHERE state = 'running';
CREATE INDEX provisioning_items_at_work ON provisioning_items (customer_id) WHERE state = 'running';

-- Who tried an item, and what was reported: so a report that comes again is known, and one that comes too late. lease
-- tells one attempt from another; it lets nobody in, since whoever reports shows a token of its own.
CREATE TABLE provisioning_attempts (
    item_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    lease TEXT,
    worker TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    lease_seconds BIGINT NOT NULL,
    lease_until BIGINT,
    reported_at BIGINT,
    reported TEXT,
    reported_reason TEXT,
    retry BOOLEAN NOT NULL,
    outcome TEXT,
    next_try BIGINT,
    PRIMARY KEY (item_id, attempt)
);

-- One row: numbers the requests that operators ask for, and their items.
CREATE TABLE provisioning_numbers (
    id INTEGER NOT NULL PRIMARY KEY,
    rows_issued BIGINT NOT NULL
);
INSERT INTO provisioning_numbers (id, rows_issued) VALUES (1, 0);
