-- key: order_item_id
-- owner: sales
-- description: Every item sold, with its student, class, course, term, teacher and channel.
SELECT
  i.id AS order_item_id,
  i.order_id AS order_id,
  o.status AS order_status,
  toDate(o.created_at) AS order_day,
  o.paid_at AS paid_at,
  i.price - i.discount AS amount,
  o.student_id AS student_id,
  s.name AS student_name,
  s.city AS student_city,
  i.class_id AS class_id,
  c.name AS class_name,
  c.course_id AS course_id,
  co.name AS course_name,
  co.subject AS subject,
  c.term_id AS term_id,
  t.name AS term_name,
  t.next_term_id AS next_term_id,
  ifNull(ct.teacher_id, 0) AS teacher_id,
  te.name AS teacher_name,
  ifNull(te.group_id, 0) AS teacher_group_id,
  g.name AS teacher_group_name,
  ifNull(s.channel_id, 0) AS channel_id,
  ch.name AS channel_name,
  ch.kind AS channel_kind,
  ch.monthly_cost AS channel_monthly_cost
FROM school_main.order_items AS i
INNER JOIN school_main.orders AS o ON o.id = i.order_id
INNER JOIN school_main.classes AS c ON c.id = i.class_id
INNER JOIN school_main.courses AS co ON co.id = c.course_id
INNER JOIN school_main.terms AS t ON t.id = c.term_id
-- An order may be here before its student, a class before its teacher: LEFT keeps the item.
LEFT JOIN school_main.students AS s ON s.id = o.student_id
LEFT JOIN school_main.channels AS ch ON ch.id = s.channel_id
LEFT JOIN school_ops.class_teachers AS ct ON ct.class_id = i.class_id
LEFT JOIN school_ops.teachers AS te ON te.id = ct.teacher_id
LEFT JOIN school_ops.teacher_groups AS g ON g.id = te.group_id
