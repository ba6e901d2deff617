-- Who may use /v1. Names are for ever, since the audit trail tells by them who did what; a token is kept as its SHA-256.
-- Times are microseconds since 1970.
CREATE TABLE operators (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
) WITHOUT ROWID;

-- Every request looks its token up.
CREATE UNIQUE INDEX operators_token ON operators (token_hash);

-- The resellers that a reseller_admin sees, with their customers.
CREATE TABLE operator_resellers (
    operator TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (operator, account_id)
) WITHOUT ROWID;

-- What operators and commands changed: who, when, what, from where. Rows are never removed.
CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    operator TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    remote TEXT NOT NULL
);
