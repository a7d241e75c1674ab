"""All of Comeback in one process, with a PostgreSQL of its own. The only importer of services."""
