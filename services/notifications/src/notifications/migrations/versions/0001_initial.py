"""The tables of the first slice."""

from alembic import op

from comeback_kit.migrate import kit_tables, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = {
    "shops": """
        create table shops (
          shop_id text collate "C" primary key,
          name text not null,
          time_zone text not null,
          locale text not null,
          url text,
          updated_at timestamptz not null
        )""",
    # One row an order that anything was heard of. `state` is the merged order of CONTRACT §2, null while only another
    # event has named the order. `live`: something happened in it less than 48 h before we heard of it, so that points
    # and surveys of an imported history mail nobody.
    "orders": """
        create table orders (
          shop_id text collate "C" not null,
          order_id text collate "C" not null,
          customer_id text collate "C",
          state jsonb,
          live boolean not null default false,
          confirmed boolean not null default false,
          primary key (shop_id, order_id)
        )""",
    # `fields` holds [value, instant] by field name; `email` is the address where it can be used; `into_id` names the
    # account that a merged customer became. A row without fields is a lock that contact data and messages share.
    "customers": """
        create table customers (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          fields jsonb not null default '{}',
          email text,
          into_id text collate "C",
          primary key (shop_id, customer_id)
        )""",
    "erasures": """
        create table erasures (
          shop_id text collate "C" not null,
          customer_hash bytea not null,
          at timestamptz not null,
          primary key (shop_id, customer_hash)
        )""",
    "consents": """
        create table consents (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          channel text collate "C" not null,
          purpose text collate "C" not null,
          state text not null,
          at timestamptz not null,
          origin text not null,
          primary key (shop_id, customer_id, channel, purpose)
        )""",
    # Addresses are kept as keyed hashes: the protection outlives the person's erasure without naming anyone.
    "suppressions": """
        create table suppressions (
          shop_id text collate "C" not null,
          address_hash bytea not null,
          reason text not null,
          at timestamptz not null,
          primary key (shop_id, address_hash)
        )""",
    # `link_keys` sign preference links, the last one signs new ones; `salt` keys the hashes and never changes.
    "secrets": """
        create table secrets (
          shop_id text collate "C" primary key,
          salt bytea not null,
          link_keys bytea[] not null
        )""",
    # `recipient` is the customer as first named (it makes the Message-ID), `customer_id` the one it is now.
    # `next_at`: when a message in `sending` is to be handed over (again); while a process hands it over, when its
    # lease ends.
    "messages": """
        create table messages (
          shop_id text collate "C" not null,
          id text collate "C" not null,
          workflow text collate "C" not null,
          channel text collate "C" not null default 'email',
          recipient text collate "C" not null,
          customer_id text collate "C" not null,
          order_id text collate "C" not null default '',
          occasion text collate "C" not null default '',
          state text collate "C" not null,
          reason text,
          subject text,
          data jsonb not null default '{}',
          needs_order boolean not null default false,
          attempts int not null default 0,
          last_reply text,
          claim text,
          tried_at timestamptz,
          next_at timestamptz,
          occurred_at timestamptz not null,
          created_at timestamptz not null,
          sent_at timestamptz,
          traceparent text,
          primary key (shop_id, id)
        )""",
    "mails": """
        create table mails (
          shop_id text collate "C" not null,
          message_id text collate "C" not null,
          to_address text not null,
          from_address text not null,
          headers jsonb not null,
          text_body text not null,
          html_body text not null,
          sent_at timestamptz not null,
          primary key (shop_id, message_id)
        )""",
}

INDEXES = (
    # A message exists once for its key; the order stands first, so that the same index finds an order's messages.
    "create unique index messages_key on messages (shop_id, order_id, customer_id, workflow, occasion)",
    "create index messages_customer on messages (shop_id, customer_id, id)",
    "create index messages_due on messages (next_at) where state = 'sending'",
    # The mailbox's list of what was not sent: else a shop whose mails all left has every message read to find none.
    "create index messages_unsent on messages (shop_id, id) where state not in ('sent', 'delivered', 'bounced')",
    "create index customers_into on customers (shop_id, into_id) where into_id is not null",
)


def upgrade() -> None:
    kit_tables(op)
    for table, statement in TABLES.items():
        op.execute(statement)
        protect(op, table)
    for statement in INDEXES:
        op.execute(statement)
