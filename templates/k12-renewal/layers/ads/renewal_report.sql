-- key: term_id, subject, group_id, teacher_id
-- owner: teaching
-- freshness: 1 s
-- description: The renewal report by teacher: renewals of the students a teacher has now, and renewals that came while the teacher had them.
SELECT
  term_id,
  term,
  subject,
  group_id,
  group_name,
  teacher_id,
  teacher,
  students,
  renewed_now,
  renewed_then,
  amount_now,
  amount_then,
  if(students = 0, NULL, round(100 * renewed_now / students, 1)) AS renewal_percent
FROM dws.renewal_by_teacher
