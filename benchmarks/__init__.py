"""Ratios against peers and limits, measured in one run: ``python -m benchmarks [names…] [--quick]``."""
