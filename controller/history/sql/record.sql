INSERT INTO event (pass, position, at_unix_s, kind, subject, detail)
SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4, $5 FROM event WHERE pass = $1
