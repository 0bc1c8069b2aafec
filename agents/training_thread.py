"""How torch is set while something is trained on a processor, and how it was before, afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def training_thread() -> Iterator[None]:
    """One thread (two on two busy cores are many times slower than one), and denormal numbers as zero.

    Flushing denormals changes all arithmetic of the process, so it ends with the training.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
