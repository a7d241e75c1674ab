"""Storefronts' own webhooks: signatures checked over the raw bytes, bodies mapped to the contract's events."""
