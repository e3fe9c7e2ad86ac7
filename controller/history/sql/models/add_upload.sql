INSERT INTO training_upload (round, node, nonce, at_unix_s, delta)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (round, node) DO NOTHING
