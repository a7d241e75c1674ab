"""Shopify's webhooks (REST bodies, API 2026-04 and older)."""
