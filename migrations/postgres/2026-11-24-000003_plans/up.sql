-- What resellers may sell. A list counts its changes for ever, also when everything is taken out of it.
CREATE TABLE offer_lists (
    account_id BIGINT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    -- The distinguished name of the reseller's organizational unit; empty where there is none.
    directory_ou TEXT NOT NULL,
    -- Microseconds since 1970 at which an operator made the account a reseller; none where the platform did.
    promoted_at BIGINT,
    changed_at BIGINT NOT NULL
);

-- A service on a plan that a reseller may sell, and where: one JSON array of names.
CREATE TABLE offers (
    account_id BIGINT NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    locations TEXT NOT NULL,
    PRIMARY KEY (account_id, service, plan)
);
