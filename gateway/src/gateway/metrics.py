"""What the gateway counts of its own; calls and seconds per route are the kit's."""

from prometheus_client import Counter

EVENTS = Counter("comeback_gateway_events_total", "Posted events judged", ["type", "verdict"])
WEBHOOKS = Counter("comeback_gateway_webhooks_total", "Webhooks received", ["platform", "topic", "outcome"])
PARTS = Counter("comeback_gateway_post_purchase_parts_total", "Parts of post-purchase answers", ["service", "status"])
