CREATE TABLE sync_options (
    account_id BIGINT NOT NULL,
    option_id TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, option_id)
) WITH (fillfactor = 70);
INSERT INTO sync_options SELECT accounts.id, o.key, o.value::text FROM accounts, json_each(accounts.sync_options::json) AS o;
ALTER TABLE accounts DROP COLUMN sync_options;
