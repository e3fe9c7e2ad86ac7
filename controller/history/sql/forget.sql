DELETE FROM outbox WHERE forge = $1 AND owner = $2 AND name = $3 AND branch = $4
