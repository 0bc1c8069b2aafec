"""Work on a thread of its own, for someone who must not wait: a window asks again in the next frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")

PATIENCE = 0.006
"""Seconds: what is quick is there in the frame that asks for it, and no frame is late."""


class BackgroundWorker(Generic[Answer]):
    """Answers by key. Work that nobody asked for again before it began is dropped."""

    def __init__(self, keep: int = 512, *, patience: float | None = PATIENCE) -> None:
        """Keeps the last `keep` answers and waits `patience` seconds for one; with None as long as it takes."""
        self._keep, self._patience = keep, patience
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._asked: OrderedDict[Hashable, Future[Answer]] = OrderedDict()

    def ask(self, key: Hashable, work: Callable[[], Answer]) -> Answer | None:
        """The answer to a question, or None while it is being worked out; what the work raises is raised here."""
        if key not in self._asked:
            self._drop_waiting()
            self._asked[key] = self._worker.submit(work)
            while len(self._asked) > self._keep:
                self._asked.popitem(last=False)
        self._asked.move_to_end(key)
        future = self._asked[key]
        wait([future], self._patience)
        return future.result() if future.done() else None

    def put(self, key: Hashable, answer: Answer) -> None:
        """An answer that is known already."""
        future: Future[Answer] = Future()
        future.set_result(answer)
        self._asked[key] = future

    @property
    def busy(self) -> bool:
        """Something is being worked out."""
        return any(not future.done() for future in self._asked.values())

    def close(self) -> None:
        """Begin nothing more."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _drop_waiting(self) -> None:
        for key in [key for key, future in self._asked.items() if future.cancel()]:
            del self._asked[key]

    def __enter__(self) -> BackgroundWorker[Answer]:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
