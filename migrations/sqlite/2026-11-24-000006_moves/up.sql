-- Moves of customers: asked for, made, or come to nothing. Rows are never removed.
CREATE TABLE moves (
    id INTEGER NOT NULL PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    from_id BIGINT,
    to_id BIGINT,
    state TEXT NOT NULL,
    side TEXT,
    requested_by TEXT NOT NULL,
    reason TEXT,
    at BIGINT NOT NULL,
    decided_by TEXT,
    decision TEXT,
    decided_at BIGINT,
    choices TEXT NOT NULL,
    provisioning_id BIGINT
);
CREATE UNIQUE INDEX moves_requested ON moves (customer_id) WHERE state = 'requested';
CREATE INDEX moves_customer ON moves (customer_id, id);
CREATE INDEX moves_from ON moves (from_id, id) WHERE from_id IS NOT NULL;
CREATE INDEX moves_to ON moves (to_id, id) WHERE to_id IS NOT NULL;
