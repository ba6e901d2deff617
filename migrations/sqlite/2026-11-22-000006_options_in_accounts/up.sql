-- Synchronization options stand in the row of their account, as one JSON object in the order of their ids: they are read
-- and written with it, and two rows of their own cost each call more than all its other rows but the ledger's.
ALTER TABLE accounts ADD COLUMN sync_options TEXT NOT NULL DEFAULT '{}';
UPDATE accounts SET sync_options = (
    SELECT '{' || group_concat(json_quote(option_id) || ':' || value, ',' ORDER BY option_id) || '}'
    FROM sync_options WHERE account_id = accounts.id
) WHERE id IN (SELECT account_id FROM sync_options);
DROP TABLE sync_options;
