SELECT forge, owner, name, branch, base, group_name, proposal, step, oid, number, at_unix_s
FROM outbox
ORDER BY at_unix_s, forge, owner, name, branch
