-- Conversations. Times in unix ms. `leaf` is the message that the visible path ends at; no foreign key, since leaf and
-- message would refer to each other.
CREATE TABLE sessions (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    folder TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    leaf TEXT,
    visits INTEGER NOT NULL DEFAULT 0,
    deleted_ms INTEGER,
    forked_session TEXT,
    forked_message TEXT,
    params TEXT NOT NULL DEFAULT '{}',
    system TEXT NOT NULL DEFAULT ''
);

CREATE INDEX sessions_by_time ON sessions (pinned, updated_ms, id) WHERE deleted_ms IS NULL;
CREATE INDEX sessions_by_folder ON sessions (folder, pinned, updated_ms, id) WHERE deleted_ms IS NULL;
CREATE INDEX sessions_deleted ON sessions (deleted_ms) WHERE deleted_ms IS NOT NULL;

-- A session's messages, a tree by `parent`; a parent's row is always before its children's. `position` is the order among
-- siblings, deleted ones too, so that what is restored has its place. `visited` is what the session's `visits` was when
-- the message became its leaf, 0 never. `deleted_with` is the message whose deletion took this one along, NULL unless
-- deleted. `indexed`: its text is in
-- message_search. The parent's key is checked at the end of a transaction, since a whole tree goes at once. What is long
-- stands last: SQLite need not read it for the rest.
CREATE TABLE messages (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent TEXT REFERENCES messages (id) DEFERRABLE INITIALLY DEFERRED,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    visited INTEGER NOT NULL DEFAULT 0,
    deleted_ms INTEGER,
    deleted_with TEXT,
    indexed INTEGER NOT NULL DEFAULT 0,
    edited INTEGER NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    finish TEXT NOT NULL DEFAULT '',
    cost REAL,
    cost_state TEXT NOT NULL DEFAULT 'unknown',
    usage TEXT,
    error TEXT,
    params TEXT NOT NULL DEFAULT '{}',
    parts TEXT NOT NULL DEFAULT '[]'
);

CREATE UNIQUE INDEX messages_by_place ON messages (session, ifnull(parent, ''), position);
CREATE INDEX messages_by_parent ON messages (parent);
CREATE INDEX messages_by_session ON messages (session, deleted_ms);
CREATE INDEX messages_streaming ON messages (session) WHERE state = 'streaming';
CREATE INDEX messages_deleted ON messages (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX messages_deleted_with ON messages (deleted_with) WHERE deleted_with IS NOT NULL;

-- What a person reads of a message, as it is searched; the bound keeps one huge paste from holding up the writer.
CREATE VIEW message_texts AS
SELECT row, substr((
    SELECT group_concat(json_extract(part.value, '$.text'), char(10))
    FROM json_each(messages.parts) AS part
    WHERE json_extract(part.value, '$.type') IN ('text', 'refusal', 'document')
), 1, 1000000) AS text
FROM messages;

-- Both keep no text of their own: it is read from where it stands, also to take it out again, so rows that are indexed
-- change under the statements below or with `indexed` = 0 only.
CREATE VIRTUAL TABLE message_search USING fts5 (
    text, content = 'message_texts', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE title_search USING fts5 (
    title, content = 'sessions', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER messages_added AFTER INSERT ON messages WHEN new.indexed BEGIN
    INSERT INTO message_search (rowid, text) SELECT row, text FROM message_texts WHERE row = new.row;
END;
CREATE TRIGGER messages_indexed AFTER UPDATE OF indexed ON messages WHEN new.indexed AND NOT old.indexed BEGIN
    INSERT INTO message_search (rowid, text) SELECT row, text FROM message_texts WHERE row = new.row;
END;
CREATE TRIGGER messages_unindexed BEFORE UPDATE OF indexed ON messages WHEN old.indexed AND NOT new.indexed BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    SELECT 'delete', row, text FROM message_texts WHERE row = old.row;
END;
CREATE TRIGGER messages_gone BEFORE DELETE ON messages WHEN old.indexed BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    SELECT 'delete', row, text FROM message_texts WHERE row = old.row;
END;
CREATE TRIGGER sessions_titled AFTER INSERT ON sessions BEGIN
    INSERT INTO title_search (rowid, title) VALUES (new.row, new.title);
END;
CREATE TRIGGER sessions_renamed AFTER UPDATE OF title ON sessions WHEN new.title <> old.title BEGIN
    INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.row, old.title);
    INSERT INTO title_search (rowid, title) VALUES (new.row, new.title);
END;
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions BEGIN
    INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.row, old.title);
END;

CREATE TABLE preferences (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE prompts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
