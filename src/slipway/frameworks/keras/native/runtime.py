"""TensorFlow and Keras, imported without their messages on the terminal.

At any log level, TensorFlow writes messages about its CPU kernels, missing GPUs and converter flags directly to the
standard error of the process. So all modules of this package import `tf` and `keras` from here, and run code that
writes such messages inside `quiet_stderr`. If that code fails, its messages are shown.
"""

import atexit
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Capture what the code inside writes to file descriptor 2, and show it only if that code raises."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Make these packages look not installed to the code inside, unless they are imported already.

    Keras imports packages for plots and wrappers that Slipway does not use, which takes a quarter of its start time.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not installed
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Create objects without garbage collection, now or later: it would take a quarter of the start time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


atexit.register(gc.freeze)  # otherwise Python collects garbage once more as it ends, for two seconds after a training


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with quiet_stderr(), _hidden("matplotlib", "sklearn"), _uncollected():
    import keras
    import tensorflow as tf

# One thread computes one operation, because sums depend on the number of threads, and so would the bytes of a model and
# its predictions on the number of cores. A training can choose another number (`train.threads`).
tf.config.threading.set_intra_op_parallelism_threads(1)
logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)

__all__ = ["keras", "quiet_stderr", "tf"]
