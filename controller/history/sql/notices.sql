SELECT name, detail
FROM notices
