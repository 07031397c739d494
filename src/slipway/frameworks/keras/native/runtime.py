"""TensorFlow and Keras, imported so that a user's terminal stays clean.

TensorFlow writes about its CPU kernels, absent GPUs and converter flags straight to the process's standard error,
whatever its log level: so every module of this package takes `tf` and `keras` from here, and runs what is known to
write inside `hushed`. What was written is shown after all when the code inside fails.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what the code inside writes to file descriptor 2, and show it only if that code raises."""
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
    """Let the code inside find these packages not installed, unless they are imported already.

    Keras imports what it may one day plot or wrap with, which is a quarter of the time that it takes to start.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: as if it were not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with hushed(), _hidden("matplotlib", "sklearn"):
    import keras
    import tensorflow as tf

logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("absl").setLevel(logging.ERROR)

__all__ = ["hushed", "keras", "tf"]
