"""The recommendation engine on Complete Journey, beside its peers in the same run.

`python -m benchmarks.recommendations`.
"""

import os

# Peers and ours on one core each; implicit asks for it, and a second thread would only wait on a shared machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
