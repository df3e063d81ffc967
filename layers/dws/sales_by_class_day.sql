-- key: class_id, order_day
-- owner: sales
-- description: Items, students and money of paid orders, by class and day.
SELECT
  class_id,
  order_day,
  max(class_name) AS class_name,
  max(course_name) AS course_name,
  count() AS items,
  uniqExact(student_id) AS students,
  sum(amount) AS revenue
FROM dwd.order_wide
WHERE order_status = 'paid'
GROUP BY class_id, order_day
