"""Requests that arrive together are computed together, by one thread, from a queue of limited length."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Thread
from typing import Generic, TypeVar

from ..errors import CausalgenError

__all__ = ["Batcher", "BusyError"]

Q = TypeVar("Q")
A = TypeVar("A")


class BusyError(CausalgenError, RuntimeError):
    """The queue is full, or the service is stopping."""


class Batcher(Generic[Q, A]):
    """Computes questions in order of arrival, all that are waiting at once.

    No question waits for others to arrive: while one batch is computed, the next one is collected.

    Args:
        compute: Answers a batch; an answer that is an exception is raised to the caller who asked.
        most: Maximum number of questions in a batch.
        waiting: Maximum number of waiting questions.
    """

    def __init__(self, compute: Callable[[Sequence[Q]], Sequence[A | Exception]], *, most: int, waiting: int) -> None:
        self.compute, self.most = compute, most
        self.queue: Queue[tuple[Q, Future[A]] | None] = Queue(waiting)
        self.open = True
        self.thread = Thread(target=self._work, name="causalgen batches", daemon=True)
        self.thread.start()

    @property
    def waiting(self) -> int:
        """Number of waiting questions."""
        return self.queue.qsize()

    def ask(self, question: Q) -> "Future[A]":
        """Queue a question, and return the future of its answer.

        Raises:
            BusyError: Too many questions wait, or the service is stopping.
        """
        if not self.open:
            raise BusyError("Expected a running service; it is stopping, and takes no further questions.")
        future: Future[A] = Future()
        try:
            self.queue.put_nowait((question, future))
        except Full:
            raise BusyError(f"Expected at most {self.queue.maxsize} waiting questions. Ask again later.") from None
        return future

    def close(self) -> None:
        """Take no further questions, answer those that wait, and end the thread."""
        if self.open:
            self.open = False
            self.queue.put(None)
        self.thread.join()

    def _work(self) -> None:
        while (first := self.queue.get()) is not None:
            batch, last = [first], False
            while len(batch) < self.most:
                try:
                    entry = self.queue.get_nowait()
                except Empty:
                    break
                if entry is None:
                    last = True
                    break
                batch.append(entry)
            self._answer([entry for entry in batch if entry[1].set_running_or_notify_cancel()])
            if last:
                return

    def _answer(self, batch: "list[tuple[Q, Future[A]]]") -> None:
        if not batch:
            return
        try:
            answers: Sequence[A | Exception] = self.compute([question for question, _ in batch])
        except Exception as error:  # the whole batch failed: every question gets the error
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
