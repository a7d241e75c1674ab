"""The hosted survey page: HTML that works without scripts, by keyboard, on any screen, in four languages."""
