INSERT INTO model_state (name, revision, detail)
VALUES ($1, 0, 'null')
ON CONFLICT (name) DO NOTHING
