INSERT INTO model_version (version, sha256, at_unix_s, detail, weights)
VALUES ($1, $2, $3, $4, $5)
