"""A believable shop, made from a seed and posted through the public API: what every page of a fresh Comeback shows."""
