DROP INDEX service_history_account;
DROP INDEX audit_subject;
DROP INDEX accounts_standing;
DROP TABLE logins;
DROP TABLE contacts;
DROP TABLE account_tags;
DROP TABLE profiles;
