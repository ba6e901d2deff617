DROP TABLE user_history;
DROP TABLE user_services;
DROP TABLE users;
DROP INDEX services_transfer;
DROP INDEX services_held;
ALTER TABLE services DROP COLUMN reported_account_id;
