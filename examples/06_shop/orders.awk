# SPDX-License-Identifier: Apache-2.0
#
# Writes orders.csv, the same bytes with every awk:
#
#   awk -f orders.awk >orders.csv
#
# 20,000 orders of 2,000 customers over 300 SKUs. A few customers and SKUs are
# far more popular than the rest; every tenth order is of the next customer in
# turn, so that each buys something. Seven more lines show what a bad line does:
# three repeat an order_id, four are malformed.

# Park and Miller's generator: every product stays below 2^53, so that doubles
# compute it exactly.
function uniform() {
  state = (state * 48271) % 2147483647
  return state / 2147483647
}

# 1..n; the smaller, the likelier.
function skewed(n, power,    u, x) {
  u = uniform()
  x = u
  while (power-- > 1) x *= u
  return int(n * x) + 1
}

BEGIN {
  state = 20261123
  orders = 20000
  print "order_id,customer,sku,quantity,unit_price_cents"
  for (i = 1; i <= 300; ++i) price[i] = 199 + int(9800 * uniform())
  for (i = 1; i <= orders; ++i) {
    customer = skewed(2000, 2)
    if (i % 10 == 0) customer = i / 10
    sku = skewed(300, 3)
    quantity = skewed(5, 2)
    printf "o-%05d,c-%04d,s-%03d,%d,%d\n", i, customer, sku, quantity, \
      price[sku]
    if (i == 1000) print "o-00999,c-0001,s-001,1,199"
    if (i == 3000) print "o-x0001,c-0002,s-002,two,199"
    if (i == 7000) print "o-x0002,c-0003,\"s-003,1,199"
    if (i == 11000) print "o-00001,c-0001,s-001,1,199"
    if (i == 13000) print "o-x0003,c-0004,s-004"
    if (i == 17000) print "o-x0004,c-0005,s-005,4611686018427387904,4"
    if (i == 19000) print "o-18999,c-0006,s-006,1,199"
  }
}
