CREATE TABLE sync_options (
    account_id BIGINT NOT NULL,
    option_id TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, option_id)
) WITHOUT ROWID;
INSERT INTO sync_options SELECT accounts.id, o.key, accounts.sync_options -> o.fullkey
FROM accounts, json_each(accounts.sync_options) AS o;
ALTER TABLE accounts DROP COLUMN sync_options;
