-- key: term_id, subject, group_id, teacher_id
-- owner: teaching
-- freshness: 1 s
-- description: Students and renewals of a term by subject, group and teacher, counted for who has them now and for who had them then.
SELECT
  term_id,
  subject,
  group_id,
  teacher_id,
  max(term_name) AS term,
  max(group_name) AS group_name,
  max(teacher_name) AS teacher,
  uniqExactIf(student_id, is_now) AS students,
  uniqExactIf(student_id, is_now AND is_renewed) AS renewed_now,
  uniqExactIf(student_id, NOT is_now) AS renewed_then,
  sumIf(renewed_amount, is_now) AS amount_now,
  sumIf(renewed_amount, NOT is_now) AS amount_then
FROM (
  SELECT
    term_id, term_name, subject, student_id, is_renewed, ifNull(renewed_amount, 0) AS renewed_amount,
    group_id_now AS group_id, group_now AS group_name, teacher_id_now AS teacher_id, teacher_now AS teacher_name,
    true AS is_now
  FROM dwd.renewal
  UNION ALL
  SELECT
    term_id, term_name, subject, student_id, is_renewed, ifNull(renewed_amount, 0) AS renewed_amount,
    group_id_then AS group_id, group_then AS group_name, teacher_id_then AS teacher_id, teacher_then AS teacher_name,
    false AS is_now
  FROM dwd.renewal
  WHERE is_renewed
)
GROUP BY term_id, subject, group_id, teacher_id
