"""What has to come of the year in Berlin under two programs.

Computed by hand from CONTRACT §4, not taken from what the service printed. Summer time is from 2031-03-30 to
2031-10-26; 29 February is missing in 2031 and there in 2032.
"""

from typing import NamedTuple

from tests.service.loyalty.world import Json
from tests.service.loyalty.year_in_berlin import ROLLING_PROGRAM, SLIDING_PROGRAM

Table = list[list[str]]


def table(text: str) -> Table:
    """Rows of cells."""
    return [line.split() for line in text.strip().splitlines()]


class Year(NamedTuple):
    """What a year comes to: see the comments of ``ROLLING``."""

    program: Json
    months: Table
    warned: Table
    expired: Table
    tiers: Table
    left: Table
    until: Table
    history: Table


GIFTS = table("""
2031-02-28  pia   birthday     25
2031-05-10  lena  anniversary  40
2031-06-15  nils  birthday     25
2031-08-20  lena  birthday     25
2031-12-20  pia   anniversary  40
2032-02-29  pia   birthday     25
""")
# Two weeks are two weeks on the clock of the wall, also over the nights in which it is changed.
SPENDABLE = {
    "order:L1": "2030-12-17T11:00:00Z",
    "order:G1": "2031-04-03T10:00:00Z",
    "anniversary:2031": "2031-05-23T22:00:00Z",
    "order:L4": "2031-11-02T11:00:00Z",
}
# Expiry at the end of the sixth month, tiers by calendar year, kept to the end of the next.
ROLLING = Year(
    ROLLING_PROGRAM,
    # At the end of each month: balance+pending/tier. "-" is nobody yet, ">" that the id is another's now.
    months=table("""
2030-12  370/silver      670/gold  0        -           -
2031-01  370/silver      670/gold  0        -           -
2031-02  610/silver      670/gold  0+25     -           -
2031-03  510/silver      670/gold  25       0+200       -
2031-04  390/silver      670/gold  25       220/silver  -
2031-05  430/silver      670/gold  25       220/silver  0
2031-06  430/silver      670/gold  25       >nils       395/silver
2031-07  160+600/silver  0/gold    25       >nils       195/silver
2031-08  760+25/gold     0/gold    25+130   >nils       195/silver
2031-09  665/gold        0/gold    130      >nils       195+120/silver
2031-10  665+60/gold     0/gold    130      >nils       315/silver
2031-11  425/gold        0/gold    130      >nils       295/silver
2031-12  685/gold        0/gold    130+40   >nils       295/silver
2032-01  685/gold        0/silver  170      >nils       120/silver
2032-02  85/gold         0/silver  170+25   >nils       120/silver
"""),
    # points.expiring: the day on which it is told, how many, the first day without them.
    warned=table("""
2031-06-01  lena  270  2031-07-01
2031-06-01  otto  670  2031-07-01
2031-06-24  lena  270  2031-07-01
2031-06-24  otto  670  2031-07-01
2031-08-02  lena  120  2031-09-01
2031-08-02  pia   25   2031-09-01
2031-08-25  lena  120  2031-09-01
2031-08-25  pia   25   2031-09-01
2031-10-02  nils  20   2031-11-01
2031-10-25  nils  20   2031-11-01
2031-11-01  lena  40   2031-12-01
2031-12-02  nils  175  2032-01-01
2031-12-25  nils  175  2032-01-01
2032-01-02  lena  600  2032-02-01
2032-01-25  lena  600  2032-02-01
2032-01-31  lena  25   2032-03-01
2032-01-31  pia   130  2032-03-01
2032-02-23  lena  25   2032-03-01
2032-02-23  pia   130  2032-03-01
"""),
    # points.expired, lot by lot. On 2031-12-10 Lena is given back points whose time was over.
    expired=table("""
2031-07-01  lena  20
2031-07-01  lena  250
2031-07-01  otto  20
2031-07-01  otto  650
2031-09-01  lena  120
2031-09-01  pia   25
2031-11-01  nils  20
2031-12-10  lena  40
2032-01-01  nils  150
2032-01-01  nils  25
2032-02-01  lena  600
2032-03-01  lena  25
2032-03-01  pia   130
"""),
    # tier.changed: when, whose, from, to, and until when that holds.
    tiers=table("""
2030-12-17T12:00  lena     -       silver  2032-01-01
2030-12-19T12:00  otto     -       gold    2032-01-01
2031-04-03T12:00  guest:7  -       silver  2033-01-01
2031-06-20T12:00  nils     -       silver  2033-01-01
2031-08-03T12:00  lena     silver  gold    2033-01-01
2032-01-01        otto     gold    silver  2034-01-01
"""),
    # What is left in which lot on 2032-03-01, and its end.
    left=table("""
lena  order:L4          60   2032-05-01
pia   anniversary:2031  40   2032-07-01
pia   birthday:2032     25   2032-09-01
nils  order:N2          120  2032-04-01
"""),
    # Until when the tier of then is kept.
    until=table("""
lena  2033-01-01
otto  2034-01-01
pia   -
nils  2033-01-01
"""),
    # Lena's transactions.
    history=table("""
pending_added       350
pending_activated   350
earned              20
pending_added       240
pending_activated   240
held                -100
spent               -100
clawed_back         -120
pending_added       40
pending_activated   40
expired             -250
expired             -20
pending_added       600
pending_activated   600
pending_added       25
expired             -120
pending_activated   25
pending_added       60
pending_activated   60
held                -300
spent               -300
returned            300
expired             -40
expired             -600
expired             -25
"""),
)
# Expiry six months after the last activity; tiers by the last twelve months, kept for thirteen after they are entered.
SLIDING = Year(
    SLIDING_PROGRAM,
    months=table("""
2030-12  370/silver      670/gold  0        -           -
2031-01  370/silver      670/gold  0        -           -
2031-02  610/gold        670/gold  0+25     -           -
2031-03  510/gold        670/gold  25       0+200       -
2031-04  390/gold        670/gold  25       220/silver  -
2031-05  430/gold        670/gold  25       220/silver  0
2031-06  430/gold        0/gold    25       >nils       395/silver
2031-07  430+750/gold    0/gold    25       >nils       195/silver
2031-08  1180+25/gold    0/gold    0+130    >nils       195/silver
2031-09  1205/gold       0/gold    130      >nils       195+120/silver
2031-10  1205+60/gold    0/gold    130      >nils       315/silver
2031-11  965/gold        0/gold    130      >nils       315/silver
2031-12  1265/gold       0/gold    130+40   >nils       315/silver
2032-01  1265/gold       0/silver  170      >nils       315/silver
2032-02  1265/gold       0/silver  170+25   >nils       315/silver
"""),
    warned=table("""
2031-05-07  otto  650  2031-06-06
2031-05-21  otto  20   2031-06-20
2031-05-30  otto  650  2031-06-06
2031-06-13  otto  20   2031-06-20
2031-07-30  pia   25   2031-08-29
2031-08-22  pia   25   2031-08-29
2032-02-25  nils  315  2032-03-26
"""),
    expired=table("""
2031-06-06  otto  650
2031-06-20  otto  20
2031-08-29  pia   25
"""),
    tiers=table("""
2030-12-17T12:00  lena     -       silver  2032-01-17
2030-12-19T12:00  otto     -       gold    2032-01-19
2031-02-24T12:00  lena     silver  gold    2032-03-24
2031-04-03T12:00  guest:7  -       silver  2032-05-03
2031-06-20T12:00  nils     -       silver  2032-05-03
2032-01-19        otto     gold    silver  2033-02-19
"""),
    left=table("""
lena  anniversary:2031  40   2032-05-21
lena  birthday:2031     25   2032-05-21
lena  order:L1          250  2032-05-21
lena  order:L2          120  2032-05-21
lena  order:L3          750  2032-05-21
lena  order:L4          60   2032-05-21
lena  tier:silver       20   2032-05-21
pia   anniversary:2031  40   2032-08-30
pia   birthday:2032     25   2032-08-30
pia   order:P1          130  2032-08-30
nils  birthday:2031     25   2032-03-26
nils  order:N1          150  2032-03-26
nils  order:N2          120  2032-03-26
nils  tier:silver       20   2032-03-26
"""),
    until=table("""
lena  2032-11-02T12:00
otto  2033-02-19
pia   -
nils  2032-10-09T12:00
"""),
    history=table("""
pending_added       350
pending_activated   350
earned              20
pending_added       240
pending_activated   240
held                -100
spent               -100
clawed_back         -120
pending_added       40
pending_activated   40
pending_added       750
pending_activated   750
pending_added       25
pending_activated   25
pending_added       60
pending_activated   60
held                -300
spent               -300
returned            300
"""),
)
