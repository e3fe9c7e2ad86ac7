-- What people were told, and what still waits for them: one row each, in the words of whoever tells.
CREATE TABLE notices (
    name   TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (name)
);
