"""The merge is commutative, associative and idempotent, whatever the events are."""

import itertools
import json
import random
from typing import Any

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from comeback_contracts.order_merge import OrderState, from_event, merge
from tests.unit.contracts.events import order_event

TRIPLES = 5_000


def state(rng: random.Random) -> OrderState:
    data, time = order_event(rng)
    return from_event(data, time)


def same(a: OrderState, b: OrderState) -> bool:
    """Equal as JSON, so that neither True and 1 nor 1.0 and 1 pass for each other."""
    return rfc8785.dumps(a) == rfc8785.dumps(b) and json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_thousands_of_random_triples_obey_all_three_laws() -> None:
    rng = random.Random(20260102)
    ties = 0
    for _ in range(TRIPLES):
        a, b, c = state(rng), state(rng), state(rng)
        ties += a.get("updated_at") == b.get("updated_at")
        ab = merge(a, b)
        assert same(ab, merge(b, a)), (a, b)
        assert same(merge(ab, c), merge(a, merge(b, c))), (a, b, c)
        assert same(merge(ab, b), ab), (a, b)
        assert same(merge(a, a), a), a
    assert ties > TRIPLES / 4, "the generator has to make ties"


def test_merging_changes_neither_side() -> None:
    rng = random.Random(7)
    for _ in range(2_000):
        a, b = state(rng), state(rng)
        before = json.dumps([a, b])
        merge(a, b)
        assert json.dumps([a, b]) == before


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 5))
def test_every_order_of_arrival_ends_in_one_state(rng: random.Random, count: int) -> None:
    states = [state(rng) for _ in range(count)]
    results = set()
    for arrival in itertools.permutations(states):
        merged = arrival[0]
        for one in (*arrival[1:], *arrival[:1]):
            merged = merge(merged, one)
        results.add(rfc8785.dumps(merged))
    assert len(results) == 1


def test_an_event_read_from_bytes_and_from_a_mapping_is_the_same_state() -> None:
    rng = random.Random(11)
    for _ in range(2_000):
        data, time = order_event(rng)
        assert same(from_event(json.dumps(data).encode(), time), from_event(data, time))


def test_a_state_survives_storage_as_json() -> None:
    rng = random.Random(13)
    for _ in range(1_000):
        a, b = state(rng), state(rng)
        stored: Any = json.loads(json.dumps(a))
        assert same(merge(stored, b), merge(a, b))
