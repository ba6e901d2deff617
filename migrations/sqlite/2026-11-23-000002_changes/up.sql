-- The change feed, one row a commit: positions first_position to last_position, one line of JSON each. Nothing personal:
-- ids, names of fields and options, states and causes.
CREATE TABLE changes (
    last_position INTEGER NOT NULL PRIMARY KEY,
    first_position BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entries TEXT NOT NULL
);

-- One row: the last position that was taken. Taken by the one writer, in its transaction.
CREATE TABLE change_feed (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL
);
INSERT INTO change_feed (id, position) VALUES (1, 0);
