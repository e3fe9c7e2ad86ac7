SELECT detail
FROM finding
ORDER BY name
