"""A soak: Comeback split over processes as on Kubernetes, under kills and freezes, then the proof that nothing is lost.

``python -m tests.soak --seconds 120 --seed 1``. Not collected by pytest: it takes minutes and both cores.
"""
