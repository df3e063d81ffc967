-- key: class_id
-- owner: teaching
-- description: How well a class is attended.
SELECT
  class_id,
  max(class_name) AS class_name,
  max(course_name) AS course_name,
  max(term_name) AS term_name,
  max(teacher_name) AS teacher_name,
  uniqExact(lesson_id) AS lessons,
  uniqExact(student_id) AS students,
  countIf(status != 'absent') AS attended,
  countIf(status = 'late') AS late,
  countIf(status = 'absent') AS missed,
  sum(minutes) AS minutes,
  round(countIf(status != 'absent') / count(), 4) AS attendance_rate
FROM dwd.attendance_wide
GROUP BY class_id
