-- Whether an account may order and, as a reseller, take new customers: enabled, disabled, fraud or frozen. What platforms
-- send never writes it, so new rows take the default.
ALTER TABLE accounts ADD COLUMN standing TEXT NOT NULL DEFAULT 'enabled';
