DROP INDEX logins_folded;
ALTER TABLE logins DROP COLUMN folded;
ALTER TABLE profiles DROP COLUMN time_zone;
