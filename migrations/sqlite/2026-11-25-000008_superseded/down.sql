DROP INDEX provisioning_items_user_at_work;
DROP INDEX provisioning_items_service_at_work;
DROP INDEX provisioning_items_user;
DROP INDEX provisioning_items_service;
ALTER TABLE provisioning_items DROP COLUMN superseded;
