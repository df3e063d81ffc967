-- key: term_id, course_id, teacher_id
-- owner: management
-- description: Of the students of a term, how many have bought the next one, by course and teacher.
SELECT
  n.term_id AS term_id,
  n.course_id AS course_id,
  n.teacher_id AS teacher_id,
  max(n.term_name) AS term_name,
  max(n.course_name) AS course_name,
  max(n.teacher_name) AS teacher_name,
  uniqExact(n.student_id) AS students,
  uniqExactIf(n.student_id, r.order_status = 'paid') AS renewed,
  round(uniqExactIf(n.student_id, r.order_status = 'paid') / uniqExact(n.student_id), 4) AS renewal_rate
FROM dwd.order_wide AS n
LEFT JOIN dwd.order_wide AS r ON r.student_id = n.student_id AND r.term_id = n.next_term_id
WHERE n.order_status = 'paid'
GROUP BY n.term_id, n.course_id, n.teacher_id
