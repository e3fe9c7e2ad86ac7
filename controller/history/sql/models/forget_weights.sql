DELETE FROM model_weights
WHERE sha256 = $1
