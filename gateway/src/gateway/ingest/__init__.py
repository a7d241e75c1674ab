"""``POST /v1/events``: what callers post, judged event by event, and appended to the log in one call."""
