-- key: channel_id
-- owner: marketing
-- description: What each channel brings, and what it costs a month.
SELECT
  channel_id,
  max(channel_name) AS channel_name,
  max(channel_kind) AS channel_kind,
  max(monthly_cost) AS monthly_cost,
  sum(orders) AS orders,
  sum(revenue) AS revenue,
  sum(refunded) AS refunded,
  max(order_day) AS last_order_day
FROM dws.sales_by_channel_day
GROUP BY channel_id
