-- key: day
-- description: Orders and revenue of each day. Take `.example` off the name and put your own columns in.
SELECT toDate(created_at) AS day, count() AS orders, sum(amount) AS revenue
FROM shop.orders
GROUP BY day
