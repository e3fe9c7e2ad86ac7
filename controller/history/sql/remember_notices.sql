INSERT INTO notices (name, detail)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET detail = excluded.detail
