SELECT forge, owner, name, number, branch, state, oid, at_unix_s
FROM pull_request
ORDER BY forge, owner, name, number
