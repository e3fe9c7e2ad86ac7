DELETE FROM training_round
WHERE round <= $1
