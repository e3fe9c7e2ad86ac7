DELETE FROM training_upload
WHERE round <= $1
