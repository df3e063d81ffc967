-- key: lesson_id, student_id
-- owner: teaching
-- description: Who was in which lesson, with class, course, term and teacher.
SELECT
  a.lesson_id AS lesson_id,
  a.student_id AS student_id,
  s.name AS student_name,
  a.status AS status,
  ifNull(a.minutes, 0) AS minutes,
  a.score AS score,
  toDate(l.starts_at) AS lesson_day,
  l.number AS lesson_number,
  l.class_id AS class_id,
  c.name AS class_name,
  c.course_id AS course_id,
  co.name AS course_name,
  c.term_id AS term_id,
  t.name AS term_name,
  ifNull(ct.teacher_id, 0) AS teacher_id,
  te.name AS teacher_name
FROM school_ops.attendance AS a
INNER JOIN school_ops.lessons AS l ON l.id = a.lesson_id
INNER JOIN school_main.classes AS c ON c.id = l.class_id
INNER JOIN school_main.courses AS co ON co.id = c.course_id
INNER JOIN school_main.terms AS t ON t.id = c.term_id
LEFT JOIN school_main.students AS s ON s.id = a.student_id
LEFT JOIN school_ops.class_teachers AS ct ON ct.class_id = l.class_id
LEFT JOIN school_ops.teachers AS te ON te.id = ct.teacher_id
