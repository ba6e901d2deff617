DROP INDEX deliveries_unknown;
ALTER TABLE accounts DROP COLUMN erased_second;
ALTER TABLE accounts DROP COLUMN open_cases;
DROP TABLE cases;
