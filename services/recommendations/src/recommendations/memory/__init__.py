"""The shops that this process holds in memory, each following its sequence of changes in the database."""
