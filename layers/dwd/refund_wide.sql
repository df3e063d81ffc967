-- key: refund_id
-- owner: sales
-- description: Every refund, with what was sold, to whom, and who taught it.
SELECT
  r.id AS refund_id,
  toDate(r.refunded_at) AS refund_day,
  r.amount AS amount,
  r.reason AS reason,
  r.order_item_id AS order_item_id,
  i.order_id AS order_id,
  o.student_id AS student_id,
  i.class_id AS class_id,
  c.name AS class_name,
  c.course_id AS course_id,
  c.term_id AS term_id,
  ifNull(ct.teacher_id, 0) AS teacher_id,
  te.name AS teacher_name
FROM school_main.refunds AS r
INNER JOIN school_main.order_items AS i ON i.id = r.order_item_id
INNER JOIN school_main.orders AS o ON o.id = i.order_id
INNER JOIN school_main.classes AS c ON c.id = i.class_id
LEFT JOIN school_ops.class_teachers AS ct ON ct.class_id = i.class_id
LEFT JOIN school_ops.teachers AS te ON te.id = ct.teacher_id
