-- Synchronization options stand in the row of their account, as one JSON object in the order of their ids: they are read
-- and written with it, and two rows of their own cost each call more than all its other rows but the ledger's.
ALTER TABLE accounts ADD COLUMN sync_options TEXT NOT NULL DEFAULT '{}';
UPDATE accounts SET sync_options = o.options FROM (
    SELECT account_id, '{' || string_agg(to_json(option_id)::text || ':' || value, ',' ORDER BY option_id) || '}' AS options
    FROM sync_options GROUP BY account_id
) AS o WHERE o.account_id = accounts.id;
DROP TABLE sync_options;
