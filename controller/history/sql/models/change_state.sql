UPDATE model_state
SET revision = revision + 1, detail = $3
WHERE name = $1 AND revision = $2
