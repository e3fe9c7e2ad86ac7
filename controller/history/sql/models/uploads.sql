SELECT round, node, nonce, at_unix_s, delta
FROM training_upload
WHERE round = $1
ORDER BY node
