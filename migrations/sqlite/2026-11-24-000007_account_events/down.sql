DROP INDEX user_history_account;
