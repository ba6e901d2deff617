DROP INDEX accounts_local_email;
DROP INDEX accounts_local_code;
DROP TABLE account_aliases;
