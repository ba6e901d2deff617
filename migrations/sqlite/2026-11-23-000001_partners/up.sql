-- The vendor's registry of partners, such as those behind MPN IDs. Times are microseconds since 1970.
CREATE TABLE partners (
    partner_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    status_from BIGINT,
    status_until BIGINT,
    successor TEXT,
    successor_from BIGINT,
    reseller_account_id BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- Who hands over to a partner.
CREATE INDEX partners_successor ON partners (successor) WHERE successor IS NOT NULL;
-- Hand-overs that are due.
CREATE INDEX partners_successor_from ON partners (successor_from) WHERE successor_from IS NOT NULL;
-- What an operator of some resellers may see.
CREATE INDEX partners_reseller ON partners (reseller_account_id) WHERE reseller_account_id IS NOT NULL;

-- Other IDs of a partner. None is also the ID of a partner.
CREATE TABLE partner_aliases (
    alias TEXT NOT NULL PRIMARY KEY,
    partner_id TEXT NOT NULL
);
CREATE INDEX partner_aliases_partner ON partner_aliases (partner_id);

-- One row: counts changes of the registry, so that answers may be kept while it stands still; counts the relations that
-- the registry itself opened, which number their ids; and says until when hand-overs were carried out.
CREATE TABLE partner_registry (
    id BIGINT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    rows_issued BIGINT NOT NULL,
    settled_until BIGINT NOT NULL
);
INSERT INTO partner_registry (id, revision, rows_issued, settled_until) VALUES (1, 0, 0, 0);

-- partner_id is the ID as the platform names it; linked_partner the partner that it belongs to, once that is known.
ALTER TABLE relations ADD COLUMN linked_partner TEXT;
-- What linked a relation that had waited, where that was no call.
ALTER TABLE relations ADD COLUMN linked_cause TEXT;

-- The customers that name a partner. Longer texts are no partner's ID, and an index could not take them all.
CREATE INDEX relations_partner ON relations (partner_id, linked_partner)
    WHERE valid_to IS NULL AND partner_id IS NOT NULL AND length(partner_id) <= 128;
