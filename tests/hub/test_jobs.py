"""Downloads in the background, as the screen has them."""

import threading
import time
from dataclasses import replace

from localhub import COMMIT, CONTENT, FILE, REPO

from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import Weights
from lechat_tui.models.jobs import Jobs


def test_a_job_fetches_a_model_and_says_how_far_it_is(hub, cache, tiny):
    jobs = Jobs()
    job = jobs.start(tiny)
    assert job.wait(20) and (job.state, job.error, job.progress.state) == ("done", "", "done")
    assert job.progress.done == job.progress.total == len(CONTENT)
    assert jobs.all == (job,) and (cache / "models--us--tiny" / "snapshots" / COMMIT / FILE).exists()


def test_a_model_has_one_job_until_that_has_ended(hub, tiny):
    jobs, hub.pace = Jobs(), 1e5
    first = jobs.start(tiny)
    assert jobs.start(tiny) is first
    first.cancel()
    assert first.wait(5) and first.state == "cancelled"
    hub.pace = 0.0
    again = jobs.start(tiny)
    assert again is not first and jobs.all == (again,)
    assert again.wait(20) and again.state == "done"


def test_a_job_that_fails_says_why(hub, tiny):
    job = Jobs().start(replace(tiny, weights=Weights("other.gguf")))
    assert job.wait(20) and job.state == "failed"
    assert job.error == "the hub has no other.gguf in us/tiny at main"


def test_two_are_fetched_at_once_and_the_others_wait_their_turn(hub, tiny):
    running, most, seen = threading.Semaphore(0), threading.Event(), []

    def pull(model, report, cancelled):
        seen.append(model.id)
        running.release()
        most.wait(20)

    jobs = Jobs(pull)
    first, second, third = (jobs.start(replace(tiny, id=name)) for name in ("a", "b", "c"))
    assert running.acquire(timeout=5) and running.acquire(timeout=5)
    assert set(seen) == {"a", "b"} and third.progress.note == "waits for its turn"
    third.cancel()
    assert third.wait(5) and third.state == "cancelled"
    most.set()
    assert first.wait(5) and second.wait(5) and set(seen) == {"a", "b"}


def test_closing_stops_all_soon_and_keeps_what_came(hub, tiny):
    jobs, hub.pace, began = Jobs(), 2e6, threading.Event()
    hub.on_served = lambda served: served > len(CONTENT) / 4 and began.set()
    job = jobs.start(tiny)
    assert began.wait(10)
    asked = time.monotonic()
    jobs.close()
    assert time.monotonic() - asked < 1 and job.state == "cancelled"
    ((_, _, written),) = hub_cache.unfinished(REPO)
    assert written.total > 0
