-- What happened to the users of one account, newest first.
CREATE INDEX user_history_account ON user_history (account_id, at);
