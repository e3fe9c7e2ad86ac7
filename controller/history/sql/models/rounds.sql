SELECT round, at_unix_s, detail
FROM training_round
ORDER BY round DESC
LIMIT $1
