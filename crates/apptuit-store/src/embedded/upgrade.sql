-- From schema version 1 to 2. A new file goes the same way.
CREATE TABLE covered (series INTEGER PRIMARY KEY, batch INTEGER NOT NULL) STRICT;
CREATE TABLE month   (month INTEGER PRIMARY KEY, points INTEGER NOT NULL, loose INTEGER NOT NULL,
                      merged INTEGER NOT NULL) STRICT;
CREATE TABLE key     (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
                      points INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;

INSERT INTO meta (key, value) VALUES ('last_batch', coalesce((SELECT max(id) FROM batch), 0));
UPDATE meta SET value = '2' WHERE key = 'schema_version';
