"""Request and response bodies of the loyalty API."""
