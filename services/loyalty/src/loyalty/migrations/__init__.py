"""Schema of the loyalty database; the only place where its tables are written down."""
