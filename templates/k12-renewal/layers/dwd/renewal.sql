-- key: root_order_id
-- owner: teaching
-- freshness: 1 s
-- audit: unique(root_order_id) warn
-- description: Every student who has a place in a term, whether they bought the next one, and whose students they are: now, and were then.
--
-- "Now" is the teacher whose assignment to the class is open, and the group that this teacher's membership is
-- open in. "Then" is who had them when the renewal was first paid: the class the student was in, its teacher and
-- that teacher's group at that moment. Neither changes when the clock moves, only when rows do.
WITH next_places AS (
  SELECT student_id, subject, term_id, min(first_paid_at) AS renewed_at, sum(net_amount) AS net_amount
  FROM dwd.enrolment
  WHERE is_effective
  GROUP BY student_id, subject, term_id
)
SELECT
  e.root_order_id AS root_order_id,
  e.student_id AS student_id,
  s.name AS student_name,
  e.subject AS subject,
  e.term_id AS term_id,
  t.name AS term_name,
  e.class_id AS class_id,
  n.renewed_at IS NOT NULL AS is_renewed,
  n.renewed_at AS renewed_at,
  n.net_amount AS renewed_amount,
  ifNull(at_now.teacher_id, 0) AS teacher_id_now,
  teacher_now.name AS teacher_now,
  ifNull(in_now.group_id, 0) AS group_id_now,
  group_now.name AS group_now,
  ifNull(at_then.teacher_id, 0) AS teacher_id_then,
  teacher_then.name AS teacher_then,
  ifNull(in_then.group_id, 0) AS group_id_then,
  group_then.name AS group_then
FROM dwd.enrolment AS e
INNER JOIN {{database}}.terms AS t ON t.id = e.term_id
LEFT JOIN {{database}}.students AS s ON s.id = e.student_id
LEFT JOIN next_places AS n
  ON n.student_id = e.student_id AND n.subject = e.subject AND n.term_id = t.next_term_id
LEFT JOIN {{database}}.class_teachers AS at_now
  ON at_now.class_id = e.class_id AND at_now.valid_to IS NULL
LEFT JOIN {{database}}.teachers AS teacher_now ON teacher_now.id = at_now.teacher_id
LEFT JOIN {{database}}.group_members AS in_now
  ON in_now.teacher_id = at_now.teacher_id AND in_now.valid_to IS NULL
LEFT JOIN {{database}}.teacher_groups AS group_now ON group_now.id = in_now.group_id
LEFT JOIN dwd.order_step AS held
  ON held.root_order_id = e.root_order_id
  AND held.held_from <= n.renewed_at AND (held.held_until IS NULL OR held.held_until > n.renewed_at)
LEFT JOIN {{database}}.class_teachers AS at_then
  ON at_then.class_id = held.class_id
  AND at_then.valid_from <= n.renewed_at AND (at_then.valid_to IS NULL OR at_then.valid_to > n.renewed_at)
LEFT JOIN {{database}}.teachers AS teacher_then ON teacher_then.id = at_then.teacher_id
LEFT JOIN {{database}}.group_members AS in_then
  ON in_then.teacher_id = at_then.teacher_id
  AND in_then.valid_from <= n.renewed_at AND (in_then.valid_to IS NULL OR in_then.valid_to > n.renewed_at)
LEFT JOIN {{database}}.teacher_groups AS group_then ON group_then.id = in_then.group_id
WHERE e.is_effective
