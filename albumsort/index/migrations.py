"""The migrations of the database, append-only: what was released is never edited."""

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
    (
        "one row a photo, for those who ask in SQL",
        """
        -- for those who ask in SQL: a row for each listed photo, with what `list` shows
        CREATE VIEW album AS
        WITH ordinary AS (SELECT
                coalesce((SELECT json_extract(shares, '$.anger') FROM natural_shares), 0.125) AS anger,
                coalesce((SELECT json_extract(shares, '$.happy') FROM natural_shares), 0.125) AS happy,
                coalesce((SELECT json_extract(shares, '$.sad') FROM natural_shares), 0.125) AS sad,
                coalesce((SELECT json_extract(shares, '$.neutral') FROM natural_shares), 0.125) AS neutral,
                coalesce((SELECT json_extract(shares, '$.surprise') FROM natural_shares), 0.125) AS surprise,
                coalesce((SELECT json_extract(shares, '$.fear') FROM natural_shares), 0.125) AS fear,
                coalesce((SELECT json_extract(shares, '$.disgust') FROM natural_shares), 0.125) AS disgust,
                coalesce((SELECT json_extract(shares, '$.nothing') FROM natural_shares), 0.125) AS "nothing"),
            natural AS (SELECT *, anger + happy + sad + neutral + surprise + fear + disgust AS named FROM ordinary),
            ratios AS (SELECT a.root,
                json_extract(a.shares, '$.anger') / n.anger AS anger,
                json_extract(a.shares, '$.happy') / n.happy AS happy,
                json_extract(a.shares, '$.sad') / n.sad AS sad,
                json_extract(a.shares, '$.neutral') / n.neutral AS neutral,
                json_extract(a.shares, '$.surprise') / n.surprise AS surprise,
                json_extract(a.shares, '$.fear') / n.fear AS fear,
                json_extract(a.shares, '$.disgust') / n.disgust AS disgust,
                json_extract(a.shares, '$.nothing') / n."nothing" AS "nothing"
                FROM album_shares a CROSS JOIN natural n),
            people AS (SELECT p.id AS photo, f.number, f.w, f.h, f.size, f.detection,
                f.anger, f.happy, f.sad, f.neutral, f.surprise, f.fear, f.disgust,
                coalesce(f."nothing", 0.0) AS "nothing",
                (SELECT m.says FROM marks m WHERE m.digest = c.digest
                    -- an overlap (intersection over union) of at least a half
                    AND 3 * max(0, min(f.x + f.w, m.x + m.w) - max(f.x, m.x))
                        * max(0, min(f.y + f.h, m.y + m.h) - max(f.y, m.y)) >= f.w * f.h + m.w * m.h) AS says,
                (SELECT a.root FROM album_shares a WHERE substr(p.path, 1, length(a.root)) = a.root
                    -- the root ends in a separator, or one follows: a slash, or on Windows a backslash
                    AND (substr(a.root, -1) IN (x'2F', x'5C') OR substr(p.path, length(a.root) + 1, 1)
                        = CASE WHEN substr(p.path, 1, 1) = x'2F' THEN x'2F' ELSE x'5C' END)
                    ORDER BY length(a.root) DESC LIMIT 1) AS root
                FROM photos p JOIN contents c ON c.id = p.content JOIN faces f ON f.content = c.id
                WHERE p.missing = 0 AND f.matters),
            named AS (SELECT *, CASE WHEN says <> 'face' THEN says END AS mark FROM people),
            weights AS (SELECT f.*,
                max(0.0, f.anger - f."nothing" * n.anger / n.named) * coalesce(r.anger, 1.0) AS w_anger,
                max(0.0, f.happy - f."nothing" * n.happy / n.named) * coalesce(r.happy, 1.0) AS w_happy,
                max(0.0, f.sad - f."nothing" * n.sad / n.named) * coalesce(r.sad, 1.0) AS w_sad,
                max(0.0, f.neutral - f."nothing" * n.neutral / n.named) * coalesce(r.neutral, 1.0) AS w_neutral,
                max(0.0, f.surprise - f."nothing" * n.surprise / n.named) * coalesce(r.surprise, 1.0) AS w_surprise,
                max(0.0, f.fear - f."nothing" * n.fear / n.named) * coalesce(r.fear, 1.0) AS w_fear,
                max(0.0, f.disgust - f."nothing" * n.disgust / n.named) * coalesce(r.disgust, 1.0) AS w_disgust,
                f."nothing" * coalesce(r."nothing", 1.0) AS w_nothing
                FROM named f CROSS JOIN natural n LEFT JOIN ratios r ON r.root = f.root),
            totals AS (SELECT *,
                max(w_anger, w_happy, w_sad, w_neutral, w_surprise, w_fear, w_disgust, w_nothing) AS most,
                w_anger + w_happy + w_sad + w_neutral + w_surprise + w_fear + w_disgust + w_nothing AS total
                FROM weights),
            answers AS (SELECT *,
                coalesce(mark, CASE most
                    WHEN w_anger THEN 'anger'
                    WHEN w_happy THEN 'happy'
                    WHEN w_sad THEN 'sad'
                    WHEN w_neutral THEN 'neutral'
                    WHEN w_surprise THEN 'surprise'
                    WHEN w_fear THEN 'fear'
                    WHEN w_disgust THEN 'disgust' END) AS label,
                CASE WHEN mark IS NULL THEN most / total ELSE 1.0 END AS sure
                FROM totals),
            -- votes that differ by a rounding error are equal; then the first emotion wins
            voted AS (SELECT *,
                CAST(sum(size * sure) OVER (PARTITION BY photo, label) / 1e-09 + 0.5 AS INTEGER) AS votes,
                CASE label
                    WHEN 'anger' THEN 0 WHEN 'happy' THEN 1 WHEN 'sad' THEN 2 WHEN 'neutral' THEN 3
                    WHEN 'surprise' THEN 4 WHEN 'fear' THEN 5 WHEN 'disgust' THEN 6 END AS rank
                FROM answers),
            decided AS (SELECT *, row_number() OVER (PARTITION BY photo
                ORDER BY label IS NULL, votes * (label IS NOT NULL) DESC, rank, w * h DESC,
                    sure * (label IS NOT NULL) DESC, detection DESC, number) AS place FROM voted)
        SELECT CAST(p.path AS TEXT) AS path,
            substr(p.taken_at, 1, 10) AS day, p.taken_at AS taken_at, d.label AS label,
            CASE WHEN d.label IS NOT NULL THEN d.sure END AS sure,
            CASE WHEN d.mark IS NULL THEN d.anger ELSE d.mark = 'anger' END AS anger,
            CASE WHEN d.mark IS NULL THEN d.happy ELSE d.mark = 'happy' END AS happy,
            CASE WHEN d.mark IS NULL THEN d.sad ELSE d.mark = 'sad' END AS sad,
            CASE WHEN d.mark IS NULL THEN d.neutral ELSE d.mark = 'neutral' END AS neutral,
            CASE WHEN d.mark IS NULL THEN d.surprise ELSE d.mark = 'surprise' END AS surprise,
            CASE WHEN d.mark IS NULL THEN d.fear ELSE d.mark = 'fear' END AS fear,
            CASE WHEN d.mark IS NULL THEN d.disgust ELSE d.mark = 'disgust' END AS disgust,
            -- as the marks leave them
            (SELECT count(*) FROM faces f WHERE f.content = p.content AND coalesce(
                (SELECT m.says <> 'no-face' FROM marks m WHERE m.digest = c.digest
                    AND 3 * max(0, min(f.x + f.w, m.x + m.w) - max(f.x, m.x))
                    * max(0, min(f.y + f.h, m.y + m.h) - max(f.y, m.y)) >= f.w * f.h + m.w * m.h),
                f.detection >= 0.5)) AS faces,
            p.moment AS moment,
            coalesce(d.says, (SELECT m.says FROM marks m WHERE m.digest = c.digest ORDER BY m.id LIMIT 1)) AS mark
        FROM photos p JOIN contents c ON c.id = p.content LEFT JOIN decided d ON d.photo = p.id AND d.place = 1
        WHERE p.missing = 0;
        """,
    ),
)
