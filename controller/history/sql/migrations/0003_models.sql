-- Versions of the network that node agents forecast with, and what they learn together.

-- What is changed as one: who writes tells the revision that it has read.
CREATE TABLE model_state (
    name     TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    detail   TEXT   NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE model_version (
    version   BIGINT NOT NULL,
    sha256    TEXT   NOT NULL,
    at_unix_s BIGINT NOT NULL,
    detail    TEXT   NOT NULL,
    weights   BLOB   NOT NULL,
    PRIMARY KEY (version)
);

CREATE TABLE training_round (
    round     BIGINT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (round)
);

-- What nodes learned in a round that goes on.
CREATE TABLE training_upload (
    round     BIGINT NOT NULL,
    node      TEXT   NOT NULL,
    nonce     TEXT   NOT NULL,
    at_unix_s BIGINT NOT NULL,
    detail    TEXT   NOT NULL,
    delta     BLOB   NOT NULL,
    PRIMARY KEY (round, node)
);
