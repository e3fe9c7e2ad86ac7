SELECT weights
FROM model_version
WHERE version = $1
