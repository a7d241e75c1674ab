"""The ledger's state machine: random histories of a shop, in parts by who does something."""
