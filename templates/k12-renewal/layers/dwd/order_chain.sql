-- key: order_id
-- owner: sales
-- freshness: 1 s
-- audit: accepted(status: created, paid, transferred, refunded, cancelled) warn
-- description: Every order with the first order of its chain (transfers, re-purchases) and its money after refunds.
--
-- A transfer and a re-purchase are orders of their own that name the order they come from. Four steps are
-- followed; ads.order_chain_check names what is longer, and README.md says why four and how to have more.
SELECT
  o.id AS order_id,
  o.student_id AS student_id,
  o.class_id AS class_id,
  o.parent_order_id AS parent_order_id,
  -- The pointer counts and not the row it points at: the root is known before its row comes.
  coalesce(p3.parent_order_id, p2.parent_order_id, p1.parent_order_id, o.parent_order_id, o.id) AS root_order_id,
  p4.parent_order_id IS NOT NULL AS is_too_long,
  (o.parent_order_id IS NOT NULL AND p1.id IS NULL)
    OR (p1.parent_order_id IS NOT NULL AND p2.id IS NULL)
    OR (p2.parent_order_id IS NOT NULL AND p3.id IS NULL)
    OR (p3.parent_order_id IS NOT NULL AND p4.id IS NULL) AS is_broken,
  o.status AS status,
  o.paid_at AS paid_at,
  -- A transfer may cost nothing, so only a refund of the whole amount ends an order.
  o.status = 'paid' AND o.paid_at IS NOT NULL AND ifNull(r.refunded < o.amount, true) AS is_effective,
  if(o.paid_at IS NULL, 0, o.amount) - ifNull(r.refunded, 0) AS net_amount
FROM {{database}}.orders AS o
LEFT JOIN {{database}}.orders AS p1 ON p1.id = o.parent_order_id
LEFT JOIN {{database}}.orders AS p2 ON p2.id = p1.parent_order_id
LEFT JOIN {{database}}.orders AS p3 ON p3.id = p2.parent_order_id
LEFT JOIN {{database}}.orders AS p4 ON p4.id = p3.parent_order_id
LEFT JOIN (
  SELECT order_id, sum(amount) AS refunded
  FROM {{database}}.refunds
  GROUP BY order_id
) AS r ON r.order_id = o.id
