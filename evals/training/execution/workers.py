"""Worker processes: of this machine, or of a Dask or Ray cluster, all through joblib."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ....scenarios.arguments import MOST_JOBS, settle_counts
from ....scenarios.deferred import DeferredModule
from ....scenarios.errors import UsageError, installing
from ...traces.provenance import code_hash
from .parent_watch import end_with_parent, started_by_main_thread, without_this_folder

if TYPE_CHECKING:
    import joblib
    from joblib.externals.loky import process_executor
    from joblib.externals.loky.backend import resource_tracker
else:
    joblib = DeferredModule("joblib")
    process_executor = DeferredModule("joblib.externals.loky.process_executor")
    resource_tracker = DeferredModule("joblib.externals.loky.backend.resource_tracker")

Result = TypeVar("Result")

CHECK_SECONDS = 60
"""Seconds that the workers of a cluster have to show that Turncoat is installed there."""

IDLE_SECONDS = 10 * 86_400
"""Seconds that an idle worker of this machine stays."""
POLL_SECONDS, MISSED_POLLS = 2.0, 5
"""Seconds between checks that the workers of this machine live, and after how many failed checks calls fail."""

KILLED = (
    "a worker process of this machine was killed, perhaps for want of memory (fewer --jobs take less); run it again "
    "(what was finished is in the cache)"
)
GONE = "the worker processes of this machine have gone; run it again (what was finished is in the cache)"


def _begin(parent: int, signalled: bool) -> None:
    """What a worker of this machine does first; the arguments are those of `end_with_parent`.

    Loky would end a worker whose memory grew by 300 MB and start another, with a warning. A solved world may well be as
    large; and one that is started later is not started as `_starting` has it.
    """
    from joblib.externals.loky import process_executor as loky  # what is above defers it, and takes no new values

    end_with_parent(parent, signalled)
    loky._MAX_MEMORY_LEAK_SIZE = math.inf  # there is no public way to say so


_LOCAL = {"inner_max_num_threads": 1, "idle_worker_timeout": IDLE_SECONDS, "initializer": _begin}
"""How joblib starts the workers of this machine."""


class ClusterError(UsageError):
    """A cluster that cannot be had; the message says why, and what to do."""


@dataclass(frozen=True)
class Workers:
    """Worker processes that share a list of calls.

    Attributes:
        jobs: calls at a time.
        backend: joblib's name of it.
        streams: each result is available as soon as it is there; else `jobs` of them together.
    """

    jobs: int = 1
    backend: str = "loky"
    streams: bool = True

    def __post_init__(self) -> None:
        """Check the number of jobs.

        Raises:
            ArgumentError: it is of the wrong type or out of range.
        """
        if self.backend == "loky":  # a cluster says itself how many it has
            settle_counts(self, jobs=(1, MOST_JOBS))

    def map_unordered(
        self,
        function: Callable[..., Result],
        calls: Sequence[tuple[Any, ...]],
        should_continue: Callable[[], bool] = lambda: True,
    ) -> Iterator[Result]:
        """The results of a function for each of several argument lists, as they come in: in no particular order.

        Args:
            function: of a module, so that others can import it.
            calls: the arguments.
            should_continue: asked before each call; once it is false no call begins, and those that have are finished.

        Raises:
            ClusterError: processes of this machine were killed, or have gone.
        """
        if self.backend == "loky" and min(self.jobs, len(calls)) == 1:  # in this process, without joblib's import
            yield from (function(*call) for call in calls if should_continue())
            return
        # More threads in each worker than it has cores slow all of them down, and can change the last digits of sums.
        local = self.backend == "loky" and self.jobs > 1
        # Workers that leave because they were idle do not say so; these stay as long as this process.
        inner: dict[str, Any] = _LOCAL | {"initargs": (os.getpid(), started_by_main_thread())} if local else {}
        # A backend that does not stream returns a list only once every call is done, so calls are made in waves.
        size = max(1, len(calls) if self.streams else self.jobs)
        for first in range(0, len(calls), size):
            wave = calls[first : first + size]
            with joblib.parallel_config(self.backend, **inner):
                parallel = joblib.Parallel(
                    # With one job joblib works in this process, which is not what a cluster was named for.
                    n_jobs=min(self.jobs, len(wave)) if self.backend == "loky" else max(2, self.jobs),
                    batch_size=1,
                    pre_dispatch="n_jobs",
                    return_as="generator_unordered" if self.streams else "list",
                )
            tasks = (joblib.delayed(function)(*call) for call in wave if should_continue())
            try:
                with _watchdog() if local else nullcontext():
                    with _starting() if local else nullcontext():  # the processes are started here
                        found = parallel(tasks)
                    yield from _closing_quietly(found)
            except process_executor.TerminatedWorkerError as fault:
                raise ClusterError(KILLED) from fault


@contextmanager
def _starting() -> Iterator[None]:
    """Processes started in the block import nothing of the folder that one is in, and get no interrupts (POSIX).

    Ctrl-C goes to all processes of a terminal at once, and a worker that it met would print a traceback of its own.
    """
    with without_this_folder(), _without_interrupts():
        yield


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Interrupts wait until the block ends; processes that are started in it never get any."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it is started with the first worker otherwise, and then lets interrupts in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _closing_quietly(found: Any) -> Iterator[Any]:
    """joblib's results, without its warning when they are abandoned: an interrupt or an error says so itself."""
    try:
        for result in found:  # noqa: UP028  `yield from` would close it before the warning is turned off
            yield result
    finally:
        if isinstance(found, Generator):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.close()


@contextmanager
def _watchdog() -> Iterator[None]:
    """Makes calls fail that no living process of this machine can answer, so that nobody waits for ever.

    Loky itself notices a worker that was killed. This is for workers that have gone without its noticing.
    """
    from joblib.externals.loky import reusable_executor

    done = threading.Event()

    def watch() -> None:
        missed = 0
        while not done.wait(POLL_SECONDS):
            executor = reusable_executor._executor  # loky has no public way to ask
            waiting = {} if executor is None else executor._pending_work_items
            living = executor is not None and any(its.is_alive() for its in list(executor._processes.values()))
            missed = missed + 1 if waiting and not living else 0
            if missed >= MISSED_POLLS:
                for number in list(waiting):
                    item = waiting.pop(number, None)
                    if item is not None and not item.future.done():
                        item.future.set_exception(ClusterError(GONE))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def connect(address: str | None, jobs: int) -> Iterator[Workers]:
    """The workers at an address; whatever is started for it is stopped when the block ends.

    A cluster is trusted: it runs code, and its answers are unpickled.

    Args:
        address: `dask://HOST:PORT`, `ray://HOST:PORT`, `dask://local` or `ray://local` for `jobs` workers of this
            machine, or None for `jobs` plain processes.
        jobs: see there; the size of another cluster is its own. (Where a Dask cluster has only one core, joblib works
            in this process instead.)

    Raises:
        ClusterError: no such kind of cluster, its library is not installed, or it does not answer.
    """
    if address is None:
        yield Workers(jobs)
        return
    kind, found, where = address.partition("://")
    if not found or not where or kind not in _KINDS:
        raise ClusterError(
            f"`{address}` is no cluster; write dask://HOST:PORT, ray://HOST:PORT, dask://local or ray://local"
        )
    with ExitStack() as stack:
        try:
            workers = _KINDS[kind](stack, where, jobs)
        except ImportError as fault:
            raise ClusterError(f"{kind} is not installed ({fault}); {installing(kind)}") from None
        except (OSError, TimeoutError, ConnectionError, ValueError, RuntimeError) as fault:
            raise ClusterError(f"no cluster answers at {address}: {fault}") from fault
        yield workers


def _dask(stack: ExitStack, where: str, jobs: int) -> Workers:
    from distributed import Client, LocalCluster

    if where == "local":
        with without_this_folder():
            cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=":0", protocol="tcp")
        client = Client(stack.enter_context(cluster))
    else:
        client = Client(f"tcp://{where}", timeout=10)
    stack.enter_context(client)
    client.wait_for_workers(1, timeout=60)
    _check_installation(client)
    return Workers(sum(client.ncores().values()), "dask")


def _check_installation(client: Any) -> None:
    """Check that a worker can import Turncoat: one that cannot dies of its first call, and the caller waits for ever.

    Raises:
        ClusterError: the workers cannot import Turncoat.
    """
    try:
        # pure=False, or Dask might answer from the result of an earlier call.
        client.submit(code_hash, pure=False).result(timeout=CHECK_SECONDS)
    except Exception as fault:
        raise ClusterError(
            f"the workers of the cluster cannot run Turncoat ({fault!r}); install the same on all of them"
        ) from fault


def _ray(stack: ExitStack, where: str, jobs: int) -> Workers:
    import ray
    from ray.util.joblib import register_ray

    if where == "local":
        ray.init("local", num_cpus=jobs, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    else:
        ray.init(f"ray://{where}", log_to_driver=False, logging_level=logging.ERROR)
    stack.callback(ray.shutdown)
    register_ray()
    return Workers(int(ray.cluster_resources().get("CPU", 1)), "ray", streams=False)


_KINDS: dict[str, Callable[[ExitStack, str, int], Workers]] = {"dask": _dask, "ray": _ray}
