-- Where an account is, by the name of its time zone; empty for none.
ALTER TABLE profiles ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';

-- The name of a login in small letters, by which it is looked up over all accounts; none where it is the e-mail address.
-- Names of before are folded as far as the database does it; SQLite folds ASCII alone.
ALTER TABLE logins ADD COLUMN folded TEXT;
UPDATE logins SET folded = lower(name) WHERE name IS NOT NULL;
CREATE INDEX logins_folded ON logins (folded) WHERE folded IS NOT NULL;
