-- key: teacher_id, order_day
-- owner: sales
-- description: Items, students and money of paid orders, by the teacher the class has now, and day.
SELECT
  teacher_id,
  order_day,
  max(teacher_name) AS teacher_name,
  max(teacher_group_id) AS teacher_group_id,
  max(teacher_group_name) AS teacher_group_name,
  count() AS items,
  uniqExact(student_id) AS students,
  sum(amount) AS revenue
FROM dwd.order_wide
WHERE order_status = 'paid'
GROUP BY teacher_id, order_day
