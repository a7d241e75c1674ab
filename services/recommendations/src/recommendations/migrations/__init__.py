"""Schema of the recommendations database."""
