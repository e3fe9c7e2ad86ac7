SELECT pass, at_unix_s, kind, subject, detail
FROM event
WHERE at_unix_s >= $1
  AND ($2 IS NULL OR subject = $2)
  AND ($3 IS NULL OR kind = $3)
  AND ($4 IS NULL OR pass = $4)
ORDER BY at_unix_s DESC, pass DESC, position DESC
LIMIT $5
