"""The migrations of the database, append-only: what was released is never edited."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "photos, what their bytes show, and the faces",
        """
        -- folders that were indexed: nothing is ever written into them
        CREATE TABLE roots (path BLOB PRIMARY KEY) WITHOUT ROWID;

        -- what some bytes show, once for all files that hold them
        CREATE TABLE contents (
            id INTEGER PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,    -- xxh3_128 of the file
            settings TEXT NOT NULL,         -- weights and method that made the result
            width INTEGER NOT NULL,         -- upright pixels
            height INTEGER NOT NULL,
            taken_at TEXT                   -- UTC, ISO 8601
        );

        -- boxes and landmarks in upright full-size pixels, probabilities 0-1
        CREATE TABLE faces (
            content INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
            landmarks TEXT NOT NULL,        -- JSON, five [x, y]
            detection REAL NOT NULL,
            label TEXT NOT NULL,
            anger REAL NOT NULL, happy REAL NOT NULL, sad REAL NOT NULL, neutral REAL NOT NULL,
            surprise REAL NOT NULL, fear REAL NOT NULL, disgust REAL NOT NULL,
            PRIMARY KEY (content, number)
        ) WITHOUT ROWID;

        -- files; either content or error is set
        CREATE TABLE photos (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,      -- the bytes the file system gave, which need not be UTF-8
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            content INTEGER REFERENCES contents (id),
            error TEXT,
            error_settings TEXT,
            missing INTEGER NOT NULL DEFAULT 0,
            CHECK ((content IS NULL) <> (error IS NULL))
        );
        CREATE INDEX photos_by_content ON photos (content);
        """,
    ),
    (
        "the faces as the classifier saw them, and apart what found and what classified them",
        """
        -- what is from before has no crops, and no settings that are ever current: it is analysed anew
        ALTER TABLE contents RENAME COLUMN settings TO found_with;
        ALTER TABLE contents ADD COLUMN classified_with TEXT NOT NULL DEFAULT '';

        -- all faces of a content in the order of their numbers, packed by faces.py; apart, so that no query reads it
        CREATE TABLE crops (
            content INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
            pixels BLOB NOT NULL
        );
        """,
    ),
    (
        "size and sharpness of each face, so that queries can leave faces out",
        """
        ALTER TABLE faces ADD COLUMN size REAL NOT NULL DEFAULT 0;  -- longer side over the photo's shorter one
        ALTER TABLE faces ADD COLUMN sharpness REAL;                -- 0-1; NULL where it was never measured
        UPDATE faces SET size = (SELECT max(faces.w, faces.h) / min(c.width, c.height)
            FROM contents c WHERE c.id = faces.content);
        """,
    ),
    (
        "what makes the answers about a million photos quick",
        """
        -- the best of an emotion, from the top down
        CREATE INDEX faces_by_anger ON faces (anger);
        CREATE INDEX faces_by_happy ON faces (happy);
        CREATE INDEX faces_by_sad ON faces (sad);
        CREATE INDEX faces_by_neutral ON faces (neutral);
        CREATE INDEX faces_by_surprise ON faces (surprise);
        CREATE INDEX faces_by_fear ON faces (fear);
        CREATE INDEX faces_by_disgust ON faces (disgust);
        CREATE INDEX contents_by_time ON contents (taken_at);
        -- only a file of the same size can be a copy
        CREATE INDEX photos_by_size ON photos (size);
        CREATE INDEX photos_that_failed ON photos (path) WHERE error IS NOT NULL;
        CREATE INDEX photos_that_are_missing ON photos (path) WHERE missing = 1;
        """,
    ),
    (
        "labels by the shares of the album: what the classifier says of nothing and of eyes, and the shares",
        """
        -- a label depends on the album, so none is stored; made anew, as SQLite before 3.35 drops no column
        CREATE TABLE judged_faces (
            content INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
            landmarks TEXT NOT NULL,        -- JSON, five [x, y]
            detection REAL NOT NULL,
            size REAL NOT NULL,             -- longer side over the photo's shorter one
            sharpness REAL,                 -- 0-1; NULL where it was never measured
            anger REAL NOT NULL, happy REAL NOT NULL, sad REAL NOT NULL, neutral REAL NOT NULL,
            surprise REAL NOT NULL, fear REAL NOT NULL, disgust REAL NOT NULL,
            "nothing" REAL,                 -- that a viewer would name none of the seven; NULL where it was never asked
            eyes REAL,                      -- that they are open; NULL where they are not to be seen, or never asked
            PRIMARY KEY (content, number)
        ) WITHOUT ROWID;
        INSERT INTO judged_faces (content, number, x, y, w, h, landmarks, detection, size, sharpness,
                anger, happy, sad, neutral, surprise, fear, disgust)
            SELECT content, number, x, y, w, h, landmarks, detection, size, sharpness,
                anger, happy, sad, neutral, surprise, fear, disgust FROM faces ORDER BY content, number;
        DROP TABLE faces;
        ALTER TABLE judged_faces RENAME TO faces;
        CREATE INDEX faces_by_anger ON faces (anger);
        CREATE INDEX faces_by_happy ON faces (happy);
        CREATE INDEX faces_by_sad ON faces (sad);
        CREATE INDEX faces_by_neutral ON faces (neutral);
        CREATE INDEX faces_by_surprise ON faces (surprise);
        CREATE INDEX faces_by_fear ON faces (fear);
        CREATE INDEX faces_by_disgust ON faces (disgust);

        -- whether anything is of an older method
        CREATE INDEX contents_by_finding ON contents (found_with);
        CREATE INDEX contents_by_classifying ON contents (classified_with);

        -- shares are JSON, by the names of the emotions and of nothing; they sum to 1.
        -- among ordinary faces, as the classifier of this index has them; one row
        CREATE TABLE natural_shares (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            shares TEXT NOT NULL,
            due INTEGER NOT NULL            -- whether albums changed since their shares were estimated
        );
        CREATE TABLE album_shares (
            root BLOB PRIMARY KEY REFERENCES roots (path) ON DELETE CASCADE,
            faces INTEGER NOT NULL,         -- from how many they were estimated
            shares TEXT NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
    (
        "the time on the photographer's watch, and where it comes from",
        """
        -- local time, ISO 8601: with the offset, without it, or a day alone. Times of before were UTC, by cameras
        -- without an offset the local time: they stay until `index` reads the files' dates again
        ALTER TABLE contents ADD COLUMN taken_from TEXT;                    -- NULL in results of before
        ALTER TABLE contents ADD COLUMN dated_with TEXT NOT NULL DEFAULT '';    -- the method
        UPDATE contents SET taken_at = rtrim(taken_at, 'Z');

        -- the time of the content, or else the day in the file's name
        ALTER TABLE photos ADD COLUMN taken_at TEXT;
        ALTER TABLE photos ADD COLUMN taken_from TEXT;
        UPDATE photos SET taken_at = (SELECT c.taken_at FROM contents c WHERE c.id = photos.content);
        DROP INDEX contents_by_time;
        CREATE INDEX photos_by_time ON photos (taken_at);
        CREATE INDEX contents_by_dating ON contents (dated_with);
        """,
    ),
    (
        "what the user says of faces",
        """
        -- without a reference to contents: a mark outlives every result, and may come before the photo
        CREATE TABLE marks (
            id INTEGER PRIMARY KEY,
            digest TEXT NOT NULL,           -- of the photo
            x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,     -- upright full-size pixels
            says TEXT NOT NULL,             -- an emotion, 'face' or 'no-face'
            marked_at TEXT NOT NULL         -- UTC, ISO 8601
        );
        CREATE INDEX marks_by_digest ON marks (digest);

        -- photos drawn at random for the user to judge
        CREATE TABLE drawn (digest TEXT PRIMARY KEY) WITHOUT ROWID;
        """,
    ),
    (
        "who matters in a photo",
        """
        -- by choosing/matters.py; here once, as it is, for the faces that are stored
        ALTER TABLE faces ADD COLUMN matters INTEGER NOT NULL DEFAULT 0;
        CREATE TEMP TABLE people AS SELECT content, number, size, sharpness,
            row_number() OVER (PARTITION BY content ORDER BY size * coalesce(sharpness, 1.0) DESC, size DESC) AS place
            FROM faces WHERE detection >= 0.5 AND NOT (detection < 0.95 AND coalesce("nothing", 0.0) >= 0.85);
        CREATE INDEX temp.people_by_place ON people (content, place);
        UPDATE faces SET matters = 1 WHERE EXISTS (
            SELECT 1 FROM temp.people m JOIN temp.people f ON f.content = m.content
            WHERE m.content = faces.content AND m.place = 1 AND f.number = faces.number AND f.size >= 0.4 * m.size
            AND coalesce(f.sharpness > m.sharpness - 0.28, 1));
        DROP TABLE temp.people;
        """,
    ),
    (
        "the frames of a moment",
        """
        -- what a picture looks like, see photos/description.py; apart, so that no query reads it
        CREATE TABLE descriptions (
            content INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
            description BLOB NOT NULL
        );
        -- the same number for the frames of one moment; NULL for a photo on its own
        ALTER TABLE photos ADD COLUMN moment INTEGER;
        CREATE INDEX photos_by_moment ON photos (moment) WHERE moment IS NOT NULL;
        """,
    ),
)
