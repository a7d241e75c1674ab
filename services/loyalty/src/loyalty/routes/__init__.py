"""HTTP of the loyalty service: each endpoint checks, calls one use case, and shapes the answer."""
