-- What accounts bought. Rows are never removed.
CREATE TABLE services (
    id BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    tenant TEXT NOT NULL,
    external_id TEXT NOT NULL,
    platform_id TEXT,
    account_id BIGINT NOT NULL,
    parent_id BIGINT,
    kind TEXT NOT NULL,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    location TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    status TEXT NOT NULL,
    trial BOOLEAN NOT NULL,
    attributes TEXT NOT NULL,
    transfer_direction TEXT,
    transfer_state TEXT,
    transfer_action TEXT,
    expires_at BIGINT,
    event_second BIGINT NOT NULL,
    event_live BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    revision BIGINT NOT NULL,
    last_delivery BIGINT
);
CREATE UNIQUE INDEX services_external_id ON services (external_id, source, tenant);
CREATE INDEX services_platform_id ON services (platform_id, source, tenant) WHERE platform_id IS NOT NULL;
CREATE INDEX services_account ON services (account_id, id);
CREATE INDEX services_parent ON services (parent_id) WHERE parent_id IS NOT NULL;

-- One row a revision: what happened, and what the service showed from then on, without what may be personal.
CREATE TABLE service_history (
    service_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    valid_from BIGINT NOT NULL,
    happening TEXT NOT NULL,
    changed TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    plan TEXT NOT NULL,
    location TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    status TEXT NOT NULL,
    cause TEXT NOT NULL,
    delivery_id BIGINT,
    PRIMARY KEY (service_id, revision)
);
