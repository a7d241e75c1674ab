"""The statements of the first migration, frozen: what they made is changed by later migrations only."""
