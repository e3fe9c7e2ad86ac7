SELECT revision
FROM model_state
WHERE name = $1
