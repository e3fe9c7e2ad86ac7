-- What people were told, and what still waits for them: one row each, in the words of whoever tells.
CREATE TABLE notices (
    name   TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name)
);
