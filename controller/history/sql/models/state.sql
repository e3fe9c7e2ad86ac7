SELECT revision, detail
FROM model_state
WHERE name = $1
