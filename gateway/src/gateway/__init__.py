"""The one door. It owns shops, their keys and secrets; it checks every caller, takes events and webhooks into the log,
and passes everything else on to the services. It publishes ``shop.upserted`` and the events that callers post.
"""
