-- Scripts that put no spaces between words: each of their characters is a token, so that a search finds any run of them.
-- `parted` sets them apart (tokens.py); a change of what it does needs a migration that makes both indexes anew.
DROP TRIGGER messages_added;
DROP TRIGGER messages_indexed;
DROP TRIGGER messages_unindexed;
DROP TRIGGER messages_gone;
DROP TRIGGER sessions_titled;
DROP TRIGGER sessions_renamed;
DROP TRIGGER sessions_gone;
DROP TABLE message_search;
DROP TABLE title_search;

CREATE VIEW message_tokens AS SELECT row, parted(ifnull(text, '')) AS text FROM message_texts;
CREATE VIEW title_tokens AS SELECT row, parted(title) AS title FROM sessions;

CREATE VIRTUAL TABLE message_search USING fts5 (
    text, content = 'message_tokens', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE title_search USING fts5 (
    title, content = 'title_tokens', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO message_search (rowid, text)
SELECT row, text FROM message_tokens WHERE row IN (SELECT row FROM messages WHERE indexed);
INSERT INTO title_search (rowid, title) SELECT row, title FROM title_tokens;

CREATE TRIGGER messages_added AFTER INSERT ON messages WHEN new.indexed BEGIN
    INSERT INTO message_search (rowid, text) SELECT row, text FROM message_tokens WHERE row = new.row;
END;
CREATE TRIGGER messages_indexed AFTER UPDATE OF indexed ON messages WHEN new.indexed AND NOT old.indexed BEGIN
    INSERT INTO message_search (rowid, text) SELECT row, text FROM message_tokens WHERE row = new.row;
END;
CREATE TRIGGER messages_unindexed BEFORE UPDATE OF indexed ON messages WHEN old.indexed AND NOT new.indexed BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    SELECT 'delete', row, text FROM message_tokens WHERE row = old.row;
END;
CREATE TRIGGER messages_gone BEFORE DELETE ON messages WHEN old.indexed BEGIN
    INSERT INTO message_search (message_search, rowid, text)
    SELECT 'delete', row, text FROM message_tokens WHERE row = old.row;
END;
CREATE TRIGGER sessions_titled AFTER INSERT ON sessions BEGIN
    INSERT INTO title_search (rowid, title) VALUES (new.row, parted(new.title));
END;
CREATE TRIGGER sessions_renamed AFTER UPDATE OF title ON sessions WHEN new.title <> old.title BEGIN
    INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.row, parted(old.title));
    INSERT INTO title_search (rowid, title) VALUES (new.row, parted(new.title));
END;
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions BEGIN
    INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.row, parted(old.title));
END;
