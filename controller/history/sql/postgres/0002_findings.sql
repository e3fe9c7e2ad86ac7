-- What is known of findings: one row a container, kind and resource, the latest of it.
CREATE TABLE finding (
    name      TEXT COLLATE "C" NOT NULL,
    open      BIGINT NOT NULL,
    at_unix_s BIGINT NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name)
);
