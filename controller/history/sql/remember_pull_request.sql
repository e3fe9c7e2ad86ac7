INSERT INTO pull_request
    (forge, owner, name, number, branch, base, group_name, proposal, state, oid, ended_unix_s, synced_unix_s, seen_unix_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (forge, owner, name, number) DO UPDATE SET
    branch = excluded.branch,
    base = excluded.base,
    group_name = excluded.group_name,
    proposal = excluded.proposal,
    state = excluded.state,
    oid = excluded.oid,
    ended_unix_s = excluded.ended_unix_s,
    synced_unix_s = excluded.synced_unix_s,
    seen_unix_s = excluded.seen_unix_s
