UPDATE model_state
SET revision = revision + 1, detail = COALESCE($3, detail)
WHERE name = $1 AND revision = $2
