-- The account under which the platform orders a service that an operator gave to another one.
ALTER TABLE services ADD COLUMN reported_account_id BIGINT;
CREATE INDEX services_held ON services (id) WHERE reported_account_id IS NOT NULL;
-- Transfers that are under way are few among all services.
CREATE INDEX services_transfer ON services (id) WHERE transfer_direction IS NOT NULL;

-- The people and mailboxes of a customer. Rows are never removed.
CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    ended_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX users_account ON users (account_id, id);

-- Which services each has now.
CREATE TABLE user_services (
    user_id BIGINT NOT NULL,
    service_id BIGINT NOT NULL,
    PRIMARY KEY (user_id, service_id)
);
CREATE INDEX user_services_service ON user_services (service_id, user_id);

-- One row a revision: what happened, and which services were gained and lost, without what may be personal.
CREATE TABLE user_history (
    user_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    happening TEXT NOT NULL,
    changed TEXT NOT NULL,
    gained TEXT NOT NULL,
    lost TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    cause TEXT NOT NULL,
    delivery_id BIGINT,
    PRIMARY KEY (user_id, revision)
);
