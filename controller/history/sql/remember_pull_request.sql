INSERT INTO pull_request
    (forge, owner, name, number, branch, state, oid, at_unix_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (forge, owner, name, number) DO UPDATE SET
    branch = excluded.branch,
    state = excluded.state,
    oid = excluded.oid,
    at_unix_s = excluded.at_unix_s
