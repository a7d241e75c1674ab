"""The program as one document: its fields and defaults, what makes it invalid, and what a new shop starts with."""
