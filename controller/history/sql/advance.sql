UPDATE outbox SET step = $5, oid = $6, number = $7, moved_unix_s = $8
WHERE forge = $1 AND owner = $2 AND name = $3 AND branch = $4
