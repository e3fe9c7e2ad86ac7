-- Versions of the network that node agents forecast with, and what nodes learn together.

-- What is changed as one: who writes tells the revision that it has read.
CREATE TABLE model_state (
    name     TEXT NOT NULL,
    revision BIGINT NOT NULL,
    detail   TEXT NOT NULL,
    PRIMARY KEY (name)
);

-- Files of weights by their SHA-256.
CREATE TABLE model_weights (
    sha256    TEXT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    weights   BLOB NOT NULL,
    PRIMARY KEY (sha256)
);

CREATE TABLE training_round (
    round     BIGINT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    detail    TEXT NOT NULL,
    PRIMARY KEY (round)
);

-- What nodes learned in a round that goes on.
CREATE TABLE training_upload (
    round     BIGINT NOT NULL,
    node      TEXT NOT NULL,
    nonce     TEXT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    delta     BLOB NOT NULL,
    PRIMARY KEY (round, node)
);
