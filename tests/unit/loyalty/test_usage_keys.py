"""The counters that a program looks at are remembered by day, with the program and no longer than it."""

import gc
import weakref
from datetime import date, timedelta

from loyalty.program.document import Program
from loyalty.rules.compiled import CompiledProgram, compile_program
from loyalty.rules.facts import usage_keys

DAY = date(2026, 3, 10)


def compiled() -> CompiledProgram:
    document = Program.model_validate({"caps": [{"points": 10, "period": "day"}]})
    return compile_program(document, currency="EUR", zone="UTC")


def test_every_day_has_its_own_however_many_there_were() -> None:
    program = compiled()
    for _ in range(2):
        found = {usage_keys(program, DAY + timedelta(days=days)) for days in range(300)}
        assert len(found) == 300
    assert len(program.keys_of_days) <= 128


def test_a_program_that_nobody_uses_is_gone() -> None:
    program = compiled()
    usage_keys(program, DAY)
    gone = weakref.ref(program.document)
    del program
    gc.collect()
    assert gone() is None
