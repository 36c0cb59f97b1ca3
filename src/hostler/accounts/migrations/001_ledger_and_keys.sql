-- What many requests have in common; a kind may have several rows. An empty text is none: a request that was refused had
-- no provider. `last_request` is no less than the largest id in `request_rows` that refers to it.
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    face TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    stream INTEGER NOT NULL,
    key_id TEXT,
    last_request INTEGER NOT NULL
);

-- One row per request that is over, read through the view `requests`. `id` is when the ledger learnt of it (unix µs, made
-- unique and ever larger), so it is never before `started_us` and serves as the index by time. Usage and cost: NULL is
-- unknown, never 0. `kind` is a row of `kinds`; not declared as such, since checking it costs as much as half the insert.
CREATE TABLE request_rows (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL DEFAULT 'ok',
    attempts INTEGER NOT NULL DEFAULT 1,
    input INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    output INTEGER,
    reasoning INTEGER,
    cost REAL,
    ttft_us INTEGER,
    duration_us INTEGER,
    error TEXT,
    dropped TEXT,
    -- from the request's arrival to its first attempt; NULL when there was none
    waited_us INTEGER
);

-- LEFT JOIN: so SQLite goes through the requests by id and looks up kinds, never the other way round.
CREATE VIEW requests AS
SELECT request_rows.id, request_id, started_us, key_id, face, operation, nullif(model, '') AS model,
    nullif(provider, '') AS provider, nullif(upstream_model, '') AS upstream_model, stream, status, outcome, attempts,
    input, cache_read, cache_write, output, reasoning, cost, ttft_us, duration_us, error, dropped, waited_us
FROM request_rows LEFT JOIN kinds ON kinds.id = kind;

-- The attempts of requests that took several. A request with one attempt, as nearly all are, holds it in its own row.
CREATE TABLE several_attempts (
    request INTEGER NOT NULL REFERENCES request_rows (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    waited_us INTEGER NOT NULL,
    provider TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    ttft_us INTEGER,
    duration_us INTEGER,
    error TEXT,
    PRIMARY KEY (request, attempt)
) WITHOUT ROWID;

-- One row per upstream attempt.
CREATE VIEW attempts AS
SELECT request, attempt, started_us, waited_us, provider, upstream_model, status, outcome, ttft_us, duration_us, error
FROM several_attempts
UNION ALL
SELECT id, 1, started_us + waited_us, waited_us, provider, upstream_model, status, outcome, ttft_us - waited_us,
    duration_us - waited_us, error
FROM requests WHERE attempts = 1;

-- How far each journal segment is folded into the tables above; changed in the same transaction as they are.
CREATE TABLE journal_positions (
    segment TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    finished INTEGER NOT NULL
) WITHOUT ROWID;

-- Lines of requests that were still open when their segment was finished and removed.
CREATE TABLE journal_open (
    id INTEGER PRIMARY KEY,
    journal TEXT NOT NULL,
    line BLOB NOT NULL
);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
-- rows in `request_rows`, and how often `keys` was changed
INSERT INTO counters VALUES ('requests', 0), ('keys', 0);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    created_us INTEGER NOT NULL,
    last_used_us INTEGER,
    revoked_us INTEGER
);
