INSERT INTO outbox
    (forge, owner, name, branch, base, group_name, proposal, step, oid, number, at_unix_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (forge, owner, name, branch) DO UPDATE SET
    base = excluded.base,
    group_name = excluded.group_name,
    proposal = excluded.proposal,
    step = excluded.step,
    oid = excluded.oid,
    number = excluded.number,
    at_unix_s = excluded.at_unix_s
