"""All of Comeback in one process: the services, the gateway and a PostgreSQL of its own. The only importer of services."""
