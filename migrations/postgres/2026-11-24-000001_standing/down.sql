ALTER TABLE accounts DROP COLUMN standing;
