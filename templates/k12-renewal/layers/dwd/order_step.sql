-- key: order_id
-- owner: sales
-- freshness: 1 s
-- description: Paid orders as steps of their chain: until when each held the place, which one holds it, the chain's money.
SELECT
  o.order_id AS order_id,
  o.root_order_id AS root_order_id,
  o.student_id AS student_id,
  o.class_id AS class_id,
  c.subject AS subject,
  c.term_id AS term_id,
  o.is_effective AS is_effective,
  o.paid_at AS held_from,
  leadInFrame(o.paid_at) OVER (
    PARTITION BY o.root_order_id ORDER BY o.paid_at, o.order_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  ) AS held_until,
  row_number() OVER (
    PARTITION BY o.root_order_id ORDER BY o.is_effective DESC, o.paid_at DESC, o.order_id DESC
  ) AS place,
  min(o.paid_at) OVER (PARTITION BY o.root_order_id) AS first_paid_at,
  sum(o.net_amount) OVER (PARTITION BY o.root_order_id) AS net_amount,
  count() OVER (PARTITION BY o.root_order_id) AS orders
FROM dwd.order_chain AS o
-- An order may be here before its class.
LEFT JOIN {{database}}.classes AS c ON c.id = o.class_id
WHERE o.paid_at IS NOT NULL
