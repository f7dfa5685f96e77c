import os

# Before anything imports numpy: one BLAS thread a call. Texts are encoded side by side on threads of our own, and no
# process starts a thread for every core of a large machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
