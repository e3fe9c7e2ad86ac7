DELETE FROM finding
WHERE open = 0 AND at_unix_s < $1
