"""Imported by Python as it starts, in every process that a test starts: conftest.py puts this folder on PYTHONPATH.

Such a process lives for seconds, and nearly all its objects belong to imported modules. To look for garbage among them,
while it imports and once more as it ends, would take a fifth of its time.
"""

import atexit
import gc

gc.set_threshold(200_000, 50, 50)
atexit.register(gc.freeze)
