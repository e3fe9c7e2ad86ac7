SELECT version, sha256, at_unix_s, detail
FROM model_version
ORDER BY version
