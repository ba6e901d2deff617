-- What each source has ever sent: names of fields, ids of options, and some values of both. value is empty where the row
-- is about a name. Times are microseconds since 1970.
CREATE TABLE source_shape (
    source TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    times BIGINT NOT NULL,
    known BOOLEAN NOT NULL,
    PRIMARY KEY (source, kind, name, value)
) WITH (fillfactor = 70); -- room on each page, so that counting in place touches no index
