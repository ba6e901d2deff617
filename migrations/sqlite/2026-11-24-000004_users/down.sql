DROP TABLE user_history;
DROP TABLE user_services;
DROP TABLE users;
DROP INDEX services_transfer;
ALTER TABLE services DROP COLUMN reported_account_id;
