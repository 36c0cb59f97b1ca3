"""Results find their calls with ids, without, and with ids on one side alone."""

from hostler.wire.waiting_calls import WaitingCalls


def test_ids_that_are_there_are_kept_and_others_made() -> None:
    calls = WaitingCalls()
    assert calls.add("a", "f", made_id="call_0") == "a"
    assert calls.add("", "f", made_id="call_1") == "call_1"


def test_the_oldest_call_of_a_name_is_answered_first() -> None:
    calls = WaitingCalls()
    for made in ("call_0", "call_1"):
        calls.add("", "f", made_id=made)
    calls.add("", "g", made_id="call_2")
    assert [calls.take("", name) for name in ("g", "f", "f", "f")] == ["call_2", "call_0", "call_1", ""]


def test_an_id_of_its_own_means_no_call_with_another() -> None:
    calls = WaitingCalls()
    calls.add("a", "f", made_id="call_0")
    assert calls.take("b", "f") == "b"
    calls.add("", "f", made_id="call_1")
    assert calls.take("b", "f") == "call_1"
    assert calls.take("a", "f") == "a"


def test_nobody_answers_what_is_forgotten() -> None:
    calls = WaitingCalls()
    calls.add("", "f", made_id="call_0")
    calls.forget()
    assert calls.take("", "f") == ""


def test_results_that_go_by_order_need_no_name() -> None:
    calls = WaitingCalls()
    for made, name in (("call_0", "f"), ("call_1", "g"), ("call_2", "f")):
        calls.add("", name, made_id=made)
    assert calls.take("", "g", by_order=True) == "call_1"
    assert calls.take("", "unheard of", by_order=True) == "call_0"
    assert calls.take("theirs", "", by_order=True) == "call_2"
    assert calls.take("", "f", by_order=True) == ""
