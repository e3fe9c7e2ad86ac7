INSERT INTO training_round (round, at_unix_s, detail)
VALUES ($1, $2, $3)
ON CONFLICT (round) DO UPDATE SET
    at_unix_s = excluded.at_unix_s,
    detail = excluded.detail
