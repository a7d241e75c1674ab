"""A service of three routes, only for the kit's own tests."""
