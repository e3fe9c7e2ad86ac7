-- What kubeopt intends, did and saw; the tables of sql/migrations for PostgreSQL. Text is sorted by its bytes, as SQLite
-- does. Times are seconds since the epoch.

-- One row per branch: a pull request on its way, or the last one that went.
CREATE TABLE outbox (
    forge      TEXT COLLATE "C" NOT NULL,
    owner      TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    branch     TEXT COLLATE "C" NOT NULL,
    base       TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    proposal   TEXT COLLATE "C" NOT NULL,
    step       TEXT COLLATE "C" NOT NULL,
    oid        TEXT COLLATE "C",
    number     BIGINT,
    at_unix_s  BIGINT NOT NULL,
    PRIMARY KEY (forge, owner, name, branch)
);

-- What was decided, per pass; the audit.
CREATE TABLE event (
    pass      TEXT COLLATE "C" NOT NULL,
    position  BIGINT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (pass, position)
);
CREATE INDEX event_by_time ON event (at_unix_s);
CREATE INDEX event_by_subject ON event (subject, at_unix_s);

-- What became of pull requests.
CREATE TABLE pull_request (
    forge     TEXT COLLATE "C" NOT NULL,
    owner     TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    number    BIGINT NOT NULL,
    branch    TEXT COLLATE "C" NOT NULL,
    state     TEXT COLLATE "C" NOT NULL,
    oid       TEXT COLLATE "C",
    at_unix_s BIGINT NOT NULL,
    PRIMARY KEY (forge, owner, name, number)
);
