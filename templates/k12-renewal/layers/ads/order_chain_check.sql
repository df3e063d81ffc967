-- key: order_id
-- owner: sales
-- freshness: 1 min
-- description: Orders whose chain is not followed to its end; empty when all is well.
SELECT
  order_id,
  student_id,
  root_order_id,
  if(is_too_long, 'more than four steps to the first order', 'an order that the chain names is not there') AS reason
FROM dwd.order_chain
WHERE is_too_long OR is_broken
