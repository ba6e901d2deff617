-- What accounts that were made here were called before a platform synchronized them. Rows are never removed, so an old
-- name goes on finding its account and is not given to another one.
CREATE TABLE account_aliases (
    source TEXT NOT NULL,
    tenant TEXT NOT NULL,
    platform_id TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (source, tenant, platform_id)
) WITHOUT ROWID;
CREATE INDEX account_aliases_name ON account_aliases (platform_id);
CREATE INDEX account_aliases_account ON account_aliases (account_id);

-- Accounts that were made here, by what a platform may say of the same ones. No other account is in these indices.
CREATE INDEX accounts_local_code ON accounts (code, id) WHERE source = 'local' AND code <> '';
CREATE INDEX accounts_local_email ON accounts (lower(email), id) WHERE source = 'local' AND email <> '';
