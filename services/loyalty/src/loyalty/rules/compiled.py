"""A program document turned into closures and plain values once, so that an order is evaluated in microseconds."""

from datetime import date
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from comeback_contracts.money import exponent
from comeback_contracts.order_amounts import Includes
from loyalty.program.checks import ORDERLESS
from loyalty.program.document import Program
from loyalty.program.rule import Rule
from loyalty.rules.case import Condition, LineFilter
from loyalty.rules.conditions import compile_conditions, compile_filter
from loyalty.rules.rounding import ROUNDINGS, Round

Ratio = tuple[int, int]
"""A numerator and a denominator."""

ONE: Final[Ratio] = (1, 1)


class CompiledRule:
    """One rule, ready to be asked what it pays.

    ``counted_in`` is the period in which its limit counts the member's other orders; None without such a limit.
    """

    __slots__ = (
        "activity",
        "conditions",
        "counted_in",
        "factor",
        "id",
        "is_multiplier",
        "kind",
        "limit",
        "min_amount",
        "per",
        "places",
        "points",
        "priority",
        "stackable",
    )

    def __init__(self, rule: Rule, zone: ZoneInfo) -> None:
        self.id = rule.id
        self.kind = rule.kind
        self.activity = rule.activity
        self.points = rule.points
        self.per = rule.per
        self.stackable = rule.stackable
        self.priority = rule.priority
        self.limit = rule.limit
        self.counted_in = rule.limit.period if rule.limit is not None and rule.limit.period != "order" else None
        self.is_multiplier = rule.kind == "multiplier"
        self.factor = _ratio(rule.factor) if rule.factor else ONE
        self.min_amount = rule.when.min_amount
        self.conditions: tuple[Condition, ...] = compile_conditions(rule.when, zone)
        self.places: LineFilter | None = compile_filter(rule.when)


class CompiledProgram:
    """One version of a shop's program. Immutable; share it between tasks.

    ``rules`` are those of orders, ``orderless`` those of activities, birthdays and anniversaries; both in document
    order. The ``needs_…`` flags say which facts of a member matter, so that the others need not be read.
    ``reserved`` says which levels name a reward among their benefits; ``keys_of_days`` is what ``facts.usage_keys``
    found of late.
    """

    def __init__(self, document: Program, *, currency: str, zone: ZoneInfo) -> None:
        self.document = document
        self.currency = currency
        self.zone = zone
        self.earn_on = document.earn_on
        self.pending = document.pending
        self.expiry = document.expiry
        self.tiers = document.tiers
        self.clawback_mode = document.clawback_mode
        self.negative = document.negative
        self.allocation = document.discount_allocation
        self.includes = Includes(**document.eligible.model_dump())
        self.proportional = document.clawback_mode == "proportional"
        self.best_only = document.stacking == "best"
        self.round: Round = ROUNDINGS[document.rounding]
        compiled = [CompiledRule(rule, zone) for rule in document.rules]
        self.rules = tuple(rule for rule in compiled if rule.kind not in ORDERLESS)
        self.rule_ids = tuple(rule.id for rule in self.rules)
        self.orderless = tuple(rule for rule in compiled if rule.kind in ORDERLESS)
        self.base_rules = tuple((place, rule) for place, rule in enumerate(self.rules) if not rule.is_multiplier)
        self.multipliers = _multipliers(self.rules, best_first=self.best_only)
        self.exclusive = any(not rule.stackable for rule in self.rules)
        self.level_names = {level.id: level.name for level in document.tiers.levels}
        self.reserved: dict[str, tuple[str, ...]] = {}
        for level in document.tiers.levels:
            for reward_id in level.benefits.reward_ids:
                self.reserved[reward_id] = (*self.reserved.get(reward_id, ()), level.id)
        self.tier_factors = {
            level.id: _ratio(level.benefits.multiplier)
            for level in document.tiers.levels
            if Fraction(level.benefits.multiplier) != 1
        }
        self.order_cap = next((cap for cap in document.caps if cap.period == "order"), None)
        self.period_caps = tuple(cap for cap in document.caps if cap.period != "order")
        self._rates = {code: _rate(rate, code, currency) for code, rate in document.currency_rates.items()}
        self._rates[currency] = ONE
        self._set_needs()

    def rate(self, currency: str) -> Ratio | None:
        """Minor units of the shop's currency for one minor unit of another; None where the program has no rate."""
        return self._rates.get(currency)

    def _set_needs(self) -> None:
        rules = self.document.rules
        self.needs_tier = bool(self.tier_factors) or any(rule.when.tiers for rule in rules)
        self.needs_first_purchase = any(rule.kind == "first_purchase" for rule in rules)
        self.tags = frozenset(tag for rule in rules for tag in rule.when.customer_tags)
        self.needs_tags = bool(self.tags)
        self.asked_attributes = tuple((rule.id, rule.when.attributes) for rule in rules if rule.when.attributes)
        self.counted = tuple(rule for rule in self.rules if rule.counted_in is not None)
        self.counted_places = tuple((place, rule.id) for place, rule in enumerate(self.rules) if rule.counted_in)
        self.needs_usage = bool(self.counted or self.period_caps)
        self.keys_of_days: dict[date, tuple[str, ...]] = {}
        self.depends_on_member = self.needs_tier or self.needs_first_purchase or self.needs_tags or self.needs_usage


def compile_program(document: Program, *, currency: str, zone: str) -> CompiledProgram:
    """Compile one version of a program for a shop's currency (ISO 4217) and IANA zone."""
    return CompiledProgram(document, currency=currency, zone=ZoneInfo(zone))


def _multipliers(rules: tuple[CompiledRule, ...], *, best_first: bool) -> tuple[tuple[int, CompiledRule], ...]:
    """Stackable multipliers in the order in which they are applied: the greatest priority first, then by id."""
    found = [(place, rule) for place, rule in enumerate(rules) if rule.is_multiplier and rule.stackable]
    found.sort(key=lambda one: (-one[1].priority, one[1].id))
    if best_first:
        found.sort(key=lambda one: -Fraction(*one[1].factor))
    return tuple(found)


def _ratio(text: str) -> Ratio:
    value = Fraction(text)
    return value.numerator, value.denominator


def _rate(text: str, code: str, currency: str) -> Ratio:
    value = Fraction(text) * Fraction(10) ** (exponent(currency) - exponent(code))
    return value.numerator, value.denominator
