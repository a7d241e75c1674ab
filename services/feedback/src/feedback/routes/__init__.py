"""HTTP: each module one resource; an endpoint checks, calls a use case, answers."""
