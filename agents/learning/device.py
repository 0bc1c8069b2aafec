"""The device on which neural networks are computed, CPU or GPU, and torch's settings during training on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Final

from ...scenarios.errors import UsageError, installing

CPU, CUDA, AUTO = "cpu", "cuda", "auto"
DEVICES: Final = (CPU, CUDA, AUTO)


class DeviceUnavailableError(UsageError):
    """A device was asked for that is not available; the message says why, and which to use instead."""


def chosen(device: str) -> str:
    """Resolves a requested device to `cpu` or `cuda`; `auto` is the GPU where one is available.

    Raises:
        DeviceUnavailableError: there is no such device here.
    """
    # Before the look for a GPU, so that `cpu` never has to wait for the import of torch.
    if device == CPU:
        return CPU
    if device not in DEVICES:
        raise DeviceUnavailableError(f"there is no device `{device}`; there are {', '.join(DEVICES)}")
    missing = _missing()
    if missing is None:
        return CUDA
    if device == AUTO:
        return CPU
    raise DeviceUnavailableError(
        f"`cuda` cannot be had here: {missing}; take `--device cpu`, or `auto` for what is there"
    )


@cache
def in_words(device: str) -> str:
    """A device with the GPU's model, for records: floating-point rounding differs between models."""
    if device == CPU:
        return CPU
    import torch

    return f"{device} ({torch.cuda.get_device_name(0)})"


@cache
def _missing() -> str | None:
    """Why no GPU can be used, or None if one can."""
    # torch is an optional dependency: it is looked for before it is imported.
    if find_spec("torch") is None:
        return f"torch is not installed ({installing('learn')})"
    import torch

    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no GPU that it can use"
    return None


@contextmanager
def training_thread() -> Iterator[None]:
    """While it is entered, torch computes with one thread and treats denormal numbers as zero.

    Networks here are small: two threads on two busy cores are many times slower than one. Flushing denormals affects
    all arithmetic of the process, so it is undone at the end.
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
