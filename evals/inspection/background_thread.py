"""Work in a background thread, for a window that must not wait: it asks again in the next frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")

PATIENCE = 0.006
"""Seconds that a question waits: quick answers come in the frame that asks, and no frame (16 ms) is late."""


class BackgroundWorker(Generic[Answer]):
    """One background thread with answers by key. A question that has not begun is dropped when another one is asked."""

    def __init__(self, keep: int = 512, *, patience: float | None = PATIENCE) -> None:
        """Keep the last `keep` answers and wait `patience` seconds for one; None: as long as it takes."""
        self._keep, self._patience = keep, patience
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._answers: OrderedDict[Hashable, Future[Answer]] = OrderedDict()

    def ask(self, key: Hashable, work: Callable[[], Answer], *, at_once: bool = False) -> Answer | None:
        """The answer for a key, or None while `work` computes it; what `work` raises is raised here.

        With `at_once` nothing is waited for: there is something to show meanwhile.
        """
        # The dictionary is a least-recently-used cache: asking moves a key to the end, and the first is dropped.
        if key not in self._answers:
            self._drop_waiting()
            self._answers[key] = self._worker.submit(work)
            while len(self._answers) > self._keep:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        future = self._answers[key]
        wait([future], 0 if at_once else self._patience)
        return future.result() if future.done() else None

    def put(self, key: Hashable, answer: Answer) -> None:
        """Store an answer that is known already."""
        future: Future[Answer] = Future()
        future.set_result(answer)
        self._answers[key] = future

    @property
    def busy(self) -> bool:
        """Whether something is being computed."""
        return any(not future.done() for future in self._answers.values())

    def close(self) -> None:
        """Begin nothing more; what has begun runs to its end unheard."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _drop_waiting(self) -> None:
        for key in [key for key, future in self._answers.items() if future.cancel()]:
            del self._answers[key]

    def __enter__(self) -> BackgroundWorker[Answer]:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
