-- One row: every sequence number up to `reserved` may have been given out, so a process that starts goes on behind it.
CREATE TABLE event_numbers (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    reserved INTEGER NOT NULL
);
INSERT INTO event_numbers (one, reserved) VALUES (1, 0);

-- What is worth knowing after a restart. `at` in unix ms, `data` JSON.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX events_by_kind ON events (kind, seq);
