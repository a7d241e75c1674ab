"""The README's five-minute tour, call by call, as a newcomer copies it.

Between ``<!-- tour -->`` and ``<!-- /tour -->`` every ``sh`` block with a curl call is run; each line of a ``text``
block after it must be in what it printed.
"""

import asyncio
import os
import re
import subprocess
from dataclasses import dataclass

import pytest

from tests.support.comeback import SHOP_KEY, ComebackProcess
from tests.support.shared_files import REPO_ROOT
from tests.support.shop import Shop
from tests.support.waiting import eventually

_README = REPO_ROOT / "README.md"
_TOUR = re.compile(r"<!-- tour -->(.*?)<!-- /tour -->", re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass
class Step:
    """One block to run, and the lines that its output must have."""

    commands: str
    expected: list[str]


def _steps(readme: str) -> list[Step]:
    steps: list[Step] = []
    for tour in _TOUR.findall(readme):
        for language, body in _BLOCK.findall(tour):
            if language == "sh" and "curl" in body:
                steps.append(Step(body, []))
            elif language == "text" and steps:
                steps[-1].expected += [line.strip() for line in body.splitlines() if line.strip()]
    return steps


def _run(commands: str, comeback: ComebackProcess) -> str:
    """The output of a block; calls of curl fail on an HTTP error, so that the block does."""
    script = 'set -e\ncurl() { command curl --fail-with-body --silent --show-error "$@"; }\n' + commands
    environment = {**os.environ, "BASE": comeback.base_url, "KEY": SHOP_KEY}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=30, check=False
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(120)
async def test_every_call_of_the_tour_works_and_answers_what_the_readme_says(
    comeback: ComebackProcess, shop: Shop
) -> None:
    assert _README.exists(), "there is no README.md"
    steps = _steps(_README.read_text())
    assert len(steps) >= 3, "the README has no tour between <!-- tour --> and <!-- /tour -->"

    async def answered(step: Step) -> str:
        output = await asyncio.to_thread(_run, step.commands, comeback)
        missing = [line for line in step.expected if line not in output]
        assert not missing, f"{step.commands}\nprinted\n{output}\nwithout\n{missing}"
        return output or "nothing"

    for step in steps:
        await shop.caught_up()
        await eventually(lambda step=step: answered(step), within=5.0, every=0.3)  # type: ignore[misc]  # mypy reads the default as an argument
