DELETE FROM event
WHERE kind LIKE 'finding-%' AND at_unix_s < $1
