"""What the benchmarks write themselves must fit the program; mypy checks the rest of them."""

from lechat_tui.store import Store


def test_a_history_made_for_the_benchmarks_opens(tmp_path, monkeypatch, request):
    monkeypatch.syspath_prepend(request.config.rootpath / "benchmarks")
    import screen_history

    screen_history.fill(tmp_path, chats=2, messages=4)
    with Store(tmp_path) as store:
        newest = store.latest()
        assert newest.title.startswith("chat 2")
        assert [message.text.splitlines()[0] for message in store.path(newest.id)] == [
            "question 1",
            "answer 2",
            "question 3",
            "answer 4",
        ]
