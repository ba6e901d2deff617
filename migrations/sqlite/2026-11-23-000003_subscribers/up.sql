-- How far each subscriber is: every event up to its position is done or held back below. One receiver at a time works
-- for it, the owner, which moves the beat every few seconds; the epoch moves when somebody sets the subscriber back or
-- resumes it, so that its owner looks again. Times are microseconds since 1970.
CREATE TABLE subscribers (
    id TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    parked_at BIGINT,
    parked_for TEXT,
    failing_since BIGINT,
    attempts BIGINT NOT NULL,
    next_try BIGINT,
    delivered_at BIGINT,
    error_at BIGINT,
    error TEXT,
    registered_at BIGINT NOT NULL,
    owner TEXT NOT NULL,
    beat BIGINT NOT NULL,
    beat_at BIGINT NOT NULL
) WITHOUT ROWID;

-- The events behind a subscriber's position that are not done, since an event of their account was refused. Who was
-- refused has attempts; the others of its account wait behind it.
CREATE TABLE held_events (
    subscriber TEXT NOT NULL,
    position BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    since BIGINT,
    next_try BIGINT,
    PRIMARY KEY (subscriber, position)
) WITHOUT ROWID;
