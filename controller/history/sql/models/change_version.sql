UPDATE model_version
SET detail = $2
WHERE version = $1
