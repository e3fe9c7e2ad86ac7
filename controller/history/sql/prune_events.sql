DELETE FROM event WHERE at_unix_s < $1
