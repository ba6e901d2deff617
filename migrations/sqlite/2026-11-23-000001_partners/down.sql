DROP INDEX relations_partner;
ALTER TABLE relations DROP COLUMN linked_cause;
ALTER TABLE relations DROP COLUMN linked_partner;
DROP TABLE partner_registry;
DROP TABLE partner_aliases;
DROP TABLE partners;
