INSERT INTO finding (name, open, at_unix_s, detail)
VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET
    open = excluded.open,
    at_unix_s = excluded.at_unix_s,
    detail = excluded.detail
