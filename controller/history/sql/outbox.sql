SELECT forge, owner, name, branch, base, group_name, proposal, draft_digest, step, oid, number, planned_unix_s, moved_unix_s
FROM outbox
ORDER BY planned_unix_s, forge, owner, name, branch
