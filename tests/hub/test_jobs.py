"""Downloads in the background."""

import threading
from dataclasses import replace

from localhub import COMMIT, CONTENT, FILE, REPO

from lechat_tui.models import hub_cache
from lechat_tui.models.catalog import Weights
from lechat_tui.models.jobs import Jobs


def test_a_job_downloads_a_model_and_reports_its_progress(hub, cache, tiny):
    jobs = Jobs()
    job = jobs.start(tiny)
    assert job.wait(20) and (job.state, job.error, job.progress.state) == ("done", "", "done")
    assert job.progress.done == job.progress.total == len(CONTENT)
    assert jobs.all == (job,) and (cache / "models--us--tiny" / "snapshots" / COMMIT / FILE).exists()


def test_a_model_has_one_job_at_a_time(hub, tiny):
    jobs, hub.pace = Jobs(), 1e5
    first = jobs.start(tiny)
    assert jobs.start(tiny) is first
    first.cancel()
    assert first.wait(5) and first.state == "cancelled"
    hub.pace = 0.0
    again = jobs.start(tiny)
    assert again is not first and jobs.all == (again,)
    assert again.wait(20) and again.state == "done"


def test_a_failed_job_has_an_error_message(hub, tiny):
    job = Jobs().start(replace(tiny, weights=Weights("other.gguf")))
    assert job.wait(20) and job.state == "failed"
    assert job.error == "the hub has no other.gguf in us/tiny at main"


def test_two_models_are_downloaded_at_a_time_and_others_wait(hub, tiny):
    running, most, seen = threading.Semaphore(0), threading.Event(), []

    def pull(model, report, cancelled):
        seen.append(model.id)
        running.release()
        most.wait(20)

    jobs = Jobs(pull)
    first, second, third = (jobs.start(replace(tiny, id=name)) for name in ("a", "b", "c"))
    assert running.acquire(timeout=5) and running.acquire(timeout=5)
    assert set(seen) == {"a", "b"} and third.progress.note == "waiting for other downloads"
    third.cancel()
    assert third.wait(5) and third.state == "cancelled"
    most.set()
    assert first.wait(5) and second.wait(5) and set(seen) == {"a", "b"}


def test_closing_does_not_wait_for_the_hub_and_keeps_what_is_downloaded(hub, tiny):
    jobs, hub.pace, began, resume = Jobs(), 2e6, threading.Event(), threading.Event()

    def hang(served):
        if served > len(CONTENT) / 4:
            began.set()
            resume.wait(60)

    hub.on_served = hang
    job = jobs.start(tiny)
    assert began.wait(10)
    jobs.close(20)
    assert job.state == "cancelled"
    resume.set()
    ((_, _, written),) = hub_cache.unfinished(REPO)
    assert written.total > 0
