-- What kubeopt intends, did and saw. Times are seconds since the epoch; the types are those that SQLite and
-- PostgreSQL share.

-- One row per branch: a pull request on its way, or the last one that went.
CREATE TABLE outbox (
    forge      TEXT   NOT NULL,
    owner      TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    branch     TEXT   NOT NULL,
    base       TEXT   NOT NULL,
    group_name TEXT   NOT NULL,
    proposal   TEXT   NOT NULL,
    step       TEXT   NOT NULL,
    oid        TEXT,
    number     BIGINT,
    at_unix_s  BIGINT NOT NULL,
    PRIMARY KEY (forge, owner, name, branch)
);

-- What was decided, per pass; the audit.
CREATE TABLE event (
    pass      TEXT   NOT NULL,
    position  BIGINT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (pass, position)
);
CREATE INDEX event_by_time ON event (at_unix_s);
CREATE INDEX event_by_subject ON event (subject, at_unix_s);

-- What became of pull requests.
CREATE TABLE pull_request (
    forge     TEXT   NOT NULL,
    owner     TEXT   NOT NULL,
    name      TEXT   NOT NULL,
    number    BIGINT NOT NULL,
    branch    TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    oid       TEXT,
    at_unix_s BIGINT NOT NULL,
    PRIMARY KEY (forge, owner, name, number)
);
