DELETE FROM model_version
WHERE version = $1
