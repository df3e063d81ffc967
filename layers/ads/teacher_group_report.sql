-- key: teacher_group_id
-- owner: management
-- description: Sales of the classes of each group of teachers, as the groups are now.
SELECT
  teacher_group_id,
  max(teacher_group_name) AS teacher_group_name,
  uniqExact(teacher_id) AS teachers,
  sum(items) AS items,
  sum(revenue) AS revenue
FROM dws.sales_by_teacher_day
GROUP BY teacher_group_id
