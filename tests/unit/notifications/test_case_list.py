"""Every worked example of shared/cases/notifications.md is somewhere: tested, or waiting for something that is named.

Of issue 3 are the four messages, one channel, their mails and how to end them. A case that is tested is named by its
test (``test_case_64_and_67_…``); what the kit or the gateway does for every service is tested there.
"""

import re
from typing import Final

from tests.support.shared_files import REPO_ROOT, shared_file

ELSEWHERE: Final = {
    1: ("tests/service/kit/test_http.py", "test_idempotency_key_replays_refuses_and_expires"),
    2: ("tests/service/kit/test_http.py", "test_idempotency_key_replays_refuses_and_expires"),
    4: ("tests/service/kit/test_http.py", "test_idempotency_key_replays_refuses_and_expires"),
    11: ("tests/service/gateway/test_events.py", "test_bad_bodies"),
}

WAITING: Final = {
    "workflows that a shop defines and triggers itself": {9, 10, 13, 15, 16},
    "messages with a delay, and journeys of several steps": {14, 18, 22, 24, 25, 27, 28, 78},
    "review requests": {20, 21},
    "digests and throttles": {29, 30, 32, 33, 34},
    "send windows and quiet hours": {36, 37, 38, 39, 41, 42, 43},
    "frequency caps": {45, 46, 47, 49, 50, 51, 53},
    "channels beside e-mail": {55, 56, 63, 72, 73, 74},
    "webhooks of providers, and a second provider": {68, 69, 71, 76},
    "open and click tracking": {77},
    "campaigns": {80},
}
"""What does not exist yet, and the cases that wait for it."""


def test_every_case_is_tested_or_waits_for_something_that_does_not_exist_yet() -> None:
    text = shared_file("cases/notifications.md").read_text(encoding="utf-8")
    cases = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert len(cases) > 50
    waiting = set().union(*WAITING.values())
    assert sum(map(len, WAITING.values())) == len(waiting)
    tested = _named() | set(ELSEWHERE)
    assert tested & waiting == set()
    assert tested | waiting == cases


def test_what_is_tested_elsewhere_is_there() -> None:
    for path, name in ELSEWHERE.values():
        assert f"def {name}(" in (REPO_ROOT / path).read_text(encoding="utf-8")


def _named() -> set[int]:
    found: set[int] = set()
    for folder in ("unit", "service"):
        for file in (REPO_ROOT / "tests" / folder / "notifications").glob("test_*.py"):
            for numbers in re.findall(r"def test_case_(\d+(?:_and_\d+)*)_", file.read_text(encoding="utf-8")):
                found |= {int(number) for number in numbers.split("_and_")}
    return found
