-- Schema version 2: docs/reference/storage-format.md says what every byte means.
PRAGMA application_id = 0x41707475; -- the letters "Aptu"

CREATE TABLE meta   (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE series (id INTEGER PRIMARY KEY, metric TEXT NOT NULL, tags BLOB NOT NULL) STRICT;
CREATE TABLE batch  (id INTEGER PRIMARY KEY, points BLOB NOT NULL) STRICT;

INSERT INTO meta (key, value) VALUES ('schema_version', '1');
