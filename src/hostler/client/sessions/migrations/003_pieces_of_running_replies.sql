-- What a running reply has grown by each time that it was kept, so that no time writes the whole again: `record` is the
-- part without its text, NULL where it is as before. While there are pieces they are all of the reply, whatever its
-- message's `parts` say; when it ends they become its `parts` and go.
CREATE TABLE reply_pieces (
    message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    number INTEGER NOT NULL,
    record TEXT,
    text TEXT NOT NULL,
    PRIMARY KEY (message, part, number)
) WITHOUT ROWID;
