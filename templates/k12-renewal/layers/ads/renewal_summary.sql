-- key: term_id, level, id
-- owner: management
-- freshness: 1 min
-- description: The renewal report by term, subject and group; a minute behind is soon enough for it.
SELECT
  term_id,
  term,
  level,
  id,
  name,
  students,
  renewed,
  round(100 * renewed / students, 1) AS renewal_percent
FROM dws.renewal_by_level
