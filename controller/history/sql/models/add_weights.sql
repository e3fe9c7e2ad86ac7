INSERT INTO model_weights (sha256, at_unix_s, weights)
VALUES ($1, $2, $3)
ON CONFLICT (sha256) DO NOTHING
