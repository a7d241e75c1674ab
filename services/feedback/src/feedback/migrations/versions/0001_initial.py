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
          locale text not null,
          url text,
          updated_at timestamptz not null
        )""",
    # `link_keys` sign survey links, the last one signs new ones; `salt` keys the tombstones' hashes and never changes.
    "secrets": """
        create table secrets (
          shop_id text collate "C" primary key,
          salt bytea not null,
          link_keys bytea[] not null
        )""",
    # Only what a shop has set: version 1 of the surveys that every shop has is in the code (survey/defaults.py).
    "surveys": """
        create table surveys (
          shop_id text collate "C" not null,
          survey_id text collate "C" not null,
          version int not null,
          document jsonb not null,
          actor text not null,
          created_at timestamptz not null,
          primary key (shop_id, survey_id, version)
        )""",
    # One row an order: its merged state (CONTRACT §2). `customer_id` as the order names it, merged or not.
    "orders": """
        create table orders (
          shop_id text collate "C" not null,
          order_id text collate "C" not null,
          customer_id text collate "C",
          placed_at timestamptz,
          ordinary boolean not null,
          state jsonb not null,
          primary key (shop_id, order_id)
        )""",
    # Everybody that an order named. `into_id`: the account a merged customer became; `contacted_at`: when they were
    # last asked (or answered unasked); `locale_at`: when the language was stated. The row is what serializes "at most
    # once in 90 days".
    "customers": """
        create table customers (
          shop_id text collate "C" not null,
          customer_id text collate "C" not null,
          into_id text collate "C",
          locale text,
          locale_at text collate "C",
          contacted_at timestamptz,
          primary key (shop_id, customer_id)
        )""",
    "erasures": """
        create table erasures (
          shop_id text collate "C" not null,
          customer_hash bytea not null,
          at timestamptz not null,
          primary key (shop_id, customer_hash)
        )""",
    # One customer and one order to be asked one survey. The links hold `invitation_id`. `superseded`: of two customers
    # that were merged both had one for the same order; `superseded_by` is the one that counts.
    "invitations": """
        create table invitations (
          shop_id text collate "C" not null,
          invitation_id text collate "C" not null,
          survey_id text collate "C" not null,
          order_id text collate "C" not null,
          customer_id text collate "C" not null,
          state text collate "C" not null
            check (state in ('planned', 'waiting', 'asked', 'answered', 'skipped', 'superseded')),
          reason text,
          due_at timestamptz,
          asked_at timestamptz,
          expires_at timestamptz not null,
          superseded_by text collate "C",
          created_at timestamptz not null,
          primary key (shop_id, invitation_id)
        )""",
    # At most one response an invitation. `texts` holds what people wrote, apart, so that it can be forgotten alone.
    "responses": """
        create table responses (
          shop_id text collate "C" not null,
          response_id text collate "C" not null,
          survey_id text collate "C" not null,
          survey_version int not null,
          invitation_id text collate "C",
          customer_id text collate "C",
          order_id text collate "C",
          finished boolean not null,
          answers jsonb not null,
          texts jsonb not null,
          metric text,
          score smallint,
          language text,
          started_at timestamptz not null,
          answered_at timestamptz not null,
          primary key (shop_id, response_id)
        )""",
    # The numbers that scores are made of, one row a question. `value` null: seen and left out. They outlive an erasure.
    "ratings": """
        create table ratings (
          shop_id text collate "C" not null,
          response_id text collate "C" not null,
          question_id text collate "C" not null,
          survey_id text collate "C" not null,
          metric text collate "C" not null,
          value smallint,
          satisfied boolean,
          counts boolean not null,
          at timestamptz not null,
          primary key (shop_id, response_id, question_id)
        )""",
}

INDEXES = (
    # An order's invitations, each once; the one that another superseded does not stand in the way of its winner.
    """create unique index invitations_key on invitations (shop_id, order_id, survey_id, customer_id)
       where state <> 'superseded'""",
    "create index invitations_customer on invitations (shop_id, customer_id, survey_id)",
    "create index invitations_asked on invitations (shop_id, survey_id, asked_at) where asked_at is not null",
    "create index orders_customer on orders (shop_id, customer_id, placed_at)",
    "create index customers_into on customers (shop_id, into_id) where into_id is not null",
    "create unique index responses_invitation on responses (shop_id, invitation_id)",
    "create index responses_list on responses (shop_id, answered_at, response_id)",
    # Those that somebody began and did not finish are few: else all are read to find them.
    "create index responses_unfinished on responses (shop_id, answered_at, response_id) where not finished",
    "create index responses_survey on responses (shop_id, survey_id, answered_at, response_id)",
    "create index responses_customer on responses (shop_id, customer_id)",
    "create index responses_order on responses (shop_id, order_id)",
    "create index ratings_metric on ratings (shop_id, metric, at) include (survey_id, value, satisfied, counts)",
)


def upgrade() -> None:
    kit_tables(op)
    for table, statement in TABLES.items():
        op.execute(statement)
        protect(op, table)
    for statement in INDEXES:
        op.execute(statement)
