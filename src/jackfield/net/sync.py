"""The sync edge: a coroutine's result for code that is not async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")

# While this thread waits, its own event loop cannot tell it that its task was cancelled; seconds between two looks.
_LOOK_S = 0.1


def run_sync(coro: Coroutine[Any, Any, T]) -> T:
    """Run `coro` to its end and return its result, whether or not an event loop runs in this thread.

    Without one this is `asyncio.run`. Where one runs already (a notebook, a callback of an async program) the
    coroutine gets a loop in a helper thread and the caller's loop stands still meanwhile. Context variables are seen
    inside. Ctrl-C, or cancelling the calling task, cancels the coroutine, waits until it has cleaned up, and is then
    raised here.

    Raises:
        BaseException: what the coroutine raises.
    """
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if loop is None:  # not within the except: what the coroutine raises has nothing to do with that error
        return asyncio.run(coro)
    return _run_beside(coro, asyncio.current_task(loop))


def _run_beside(coro: Coroutine[Any, Any, T], caller: asyncio.Task[Any] | None) -> T:
    import asyncio
    import contextlib
    import contextvars
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def watched() -> T:
        task = asyncio.ensure_future(coro)
        started.set_result((asyncio.get_running_loop(), task))
        return await task

    # Counted before the helper starts: a cancellation from then on must not be taken for an older one.
    requests = caller.cancelling() if caller is not None else 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="jackfield-sync") as helper:
        done = helper.submit(contextvars.copy_context().run, asyncio.run, watched())
        try:
            return _wait(done, caller, requests)
        finally:
            first: list[Future[Any]] = [started, done]
            wait(first, return_when=FIRST_COMPLETED)
            if not done.done():
                loop, task = started.result()
                with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile: nothing is left to cancel
                    loop.call_soon_threadsafe(task.cancel)


def _wait(done: Future[T], caller: asyncio.Task[Any] | None, requests: int) -> T:
    import asyncio
    from concurrent.futures import wait

    while not wait([done], timeout=_LOOK_S).done:
        # asyncio's first Ctrl-C only marks the main task as cancelled.
        if caller is not None and caller.cancelling() > requests:
            raise asyncio.CancelledError
    return done.result()
