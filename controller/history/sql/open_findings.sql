SELECT detail
FROM finding
WHERE open = 1
ORDER BY name
