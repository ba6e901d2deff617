-- What each source has ever sent: names of fields, ids of options, and some values of both. value is empty where the row
-- is about a name. Times are microseconds since 1970.
CREATE TABLE source_shape (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    times BIGINT NOT NULL,
    known BOOLEAN NOT NULL,
    PRIMARY KEY (source, kind, name, value)
) WITHOUT ROWID;
