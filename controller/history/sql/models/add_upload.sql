INSERT INTO training_upload (round, node, nonce, at_unix_s, detail, delta)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (round, node) DO NOTHING
