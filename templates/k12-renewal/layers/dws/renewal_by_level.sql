-- key: term_id, level, id
-- owner: management
-- freshness: 1 min
-- description: Students and renewals of a term as a whole, by subject and by group of teachers; a student counts once in each.
SELECT
  term_id,
  level,
  id,
  max(name) AS name,
  max(term_name) AS term,
  uniqExact(student_id) AS students,
  uniqExactIf(student_id, is_renewed) AS renewed
FROM (
  SELECT term_id, term_name, 'term' AS level, toString(term_id) AS id, term_name AS name, student_id, is_renewed
  FROM dwd.renewal
  UNION ALL
  SELECT term_id, term_name, 'subject' AS level, subject AS id, subject AS name, student_id, is_renewed
  FROM dwd.renewal
  UNION ALL
  SELECT term_id, term_name, 'group' AS level, toString(group_id_now) AS id, group_now AS name, student_id, is_renewed
  FROM dwd.renewal
)
GROUP BY term_id, level, id
