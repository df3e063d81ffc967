-- key: root_order_id
-- owner: sales
-- freshness: 1 s
-- description: One row for each chain of orders: the order that holds it now, its class, subject and term, the net money.
SELECT
  root_order_id,
  order_id AS holder_order_id,
  student_id,
  class_id,
  subject,
  term_id,
  is_effective,
  first_paid_at,
  net_amount,
  orders
FROM dwd.order_step
WHERE place = 1
