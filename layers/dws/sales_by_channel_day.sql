-- key: channel_id, order_day
-- owner: marketing
-- description: Orders, students and money by the channel the student came through, and day.
SELECT
  channel_id,
  order_day,
  max(channel_name) AS channel_name,
  max(channel_kind) AS channel_kind,
  max(channel_monthly_cost) AS monthly_cost,
  uniqExact(order_id) AS orders,
  uniqExact(student_id) AS students,
  sumIf(amount, order_status = 'paid') AS revenue,
  sumIf(amount, order_status = 'refunded') AS refunded
FROM dwd.order_wide
GROUP BY channel_id, order_day
