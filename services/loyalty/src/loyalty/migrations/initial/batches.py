"""The rows that batches send."""

# Rows as batches send them: one array of composites costs half of an array a column. Types of their own, so that a
# column more in a table does not break the processes that still run the code before it.
TYPES = {
    "order_write": """shop_id text, order_id text, revision int, state bytea, customer_id text, program_version int,
      kept text, usage text, settled bigint, amount bigint, waiting bool, placed_at timestamptz, former text[]""",
    "member_write": """shop_id text, customer_id text, seq int, balance bigint, pending bigint, held bigint,
      shortfall bigint, lifetime_earned bigint, lifetime_spend bigint, lifetime_orders int, orders_fixed int,
      tier_id text, tier_since timestamptz, tier_until timestamptz, active_at timestamptz, due_at timestamptz,
      erased_at timestamptz""",
    "lot_write": """shop_id text, customer_id text, lot_id text, order_id text, program_version int, earned bigint,
      clawed bigint, shortfall bigint, remaining bigint, held bigint, expired bigint, active bool, scored bool,
      spend bigint, orders smallint, warned smallint, earned_at timestamptz, available_at timestamptz,
      expires_at timestamptz""",
    "entry_write": """shop_id text, customer_id text, seq int, line smallint, kind text, debit text, credit text,
      points bigint, lot_id text, order_id text, redemption_id text, reason text, actor text, rule_ids text,
      expires_at timestamptz, created_at timestamptz""",
}
