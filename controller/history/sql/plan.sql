INSERT INTO outbox
    (forge, owner, name, branch, base, group_name, proposal, draft_digest, step, oid, number, planned_unix_s, moved_unix_s)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (forge, owner, name, branch) DO UPDATE SET
    base = excluded.base,
    group_name = excluded.group_name,
    proposal = excluded.proposal,
    draft_digest = excluded.draft_digest,
    step = excluded.step,
    oid = excluded.oid,
    number = excluded.number,
    planned_unix_s = excluded.planned_unix_s,
    moved_unix_s = excluded.moved_unix_s
