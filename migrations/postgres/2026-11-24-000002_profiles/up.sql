-- What operators keep about an account beside what platforms say of it. An account without a row is as new; dns_options
-- and own_login tell what that means.
CREATE TABLE profiles (
    account_id BIGINT NOT NULL PRIMARY KEY,
    label TEXT COLLATE "C" NOT NULL,
    verification TEXT NOT NULL,
    sign_up_address TEXT,
    price_list TEXT NOT NULL,
    dns_options BOOLEAN NOT NULL,
    name_servers TEXT NOT NULL,
    contacts_issued BIGINT NOT NULL,
    logins_issued BIGINT NOT NULL,
    own_login BOOLEAN NOT NULL
);
CREATE INDEX profiles_label ON profiles (label, account_id) WHERE label <> '';

CREATE TABLE account_tags (
    account_id BIGINT NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, tag)
);
CREATE INDEX account_tags_tag ON account_tags (tag, account_id);

-- Contacts beyond the primary one: the handles that domains are registered on. Both texts are JSON objects.
CREATE TABLE contacts (
    account_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    card TEXT NOT NULL,
    registries TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, number)
);

-- With what people of an account sign in; number 0 is the account's own, and no name means its e-mail address.
CREATE TABLE logins (
    account_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT,
    may_sign_in BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, number)
);

-- Those that are not as accounts begin; new rows and all others do not touch it.
CREATE INDEX accounts_standing ON accounts (standing, id) WHERE standing <> 'enabled';

-- What happened in one account, newest first.
CREATE INDEX audit_subject ON audit (subject, at, id);
CREATE INDEX service_history_account ON service_history (account_id, at);
