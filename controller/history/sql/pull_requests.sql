SELECT forge, owner, name, number, branch, base, group_name, proposal, state, oid, ended_unix_s, synced_unix_s, seen_unix_s
FROM pull_request
ORDER BY forge, owner, name, number
