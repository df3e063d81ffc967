-- key: class_id, refund_day
-- owner: sales
-- description: Refunds and the money given back, by class and day.
SELECT
  class_id,
  refund_day,
  max(class_name) AS class_name,
  max(teacher_name) AS teacher_name,
  count() AS refunds,
  uniqExact(student_id) AS students,
  sum(amount) AS refunded
FROM dwd.refund_wide
GROUP BY class_id, refund_day
