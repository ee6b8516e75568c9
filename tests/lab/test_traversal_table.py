"""L3 of RFC 5128: hole punching between two sites, every pair of behaviours, over UDP and TCP.

The tables are worked out by hand from the model of RFC 5128 with natd's two promises: filters are kept for each
mapping, and an outbound packet follows an open session before it makes a mapping. The peers are natpunch, which takes
the other wherever it answers; strict ones take it only where the server saw it.
"""

import pytest

from natlab import punching
from natlab.gateway import BEHAVIORS, KINDS

# Rows and columns in the order of KINDS. y: they get through; n: they do not; o: only if the first packet of the side
# with endpoint-independent mapping has passed the other's gateway before the other side sends.
TABLE = ("yyyyyy",
         "yyyyyy",
         "yyyonn",
         "yyoyyy",
         "yynynn",
         "yynynn")
STRICT = ("yyyonn",
          "yyyonn",
          "yyyonn",
          "ooonnn",
          "nnnnnn",
          "nnnnnn")

AS_IT_COMES, IN_ORDER, OUT_OF_ORDER = "as it comes", "in order", "out of order"


def expected(table, one, other, order):
    """Whether they get through."""
    names = list(KINDS)
    entry = table[names.index(one)][names.index(other)]
    return entry == "y" or (entry == "o" and order == IN_ORDER)


def runs():
    """(one, other, order): every cell, and both orders where one of the tables asks for it."""
    for row, one in enumerate(KINDS):
        for column, other in enumerate(KINDS):
            if "o" in TABLE[row][column] + STRICT[row][column]:
                yield from ((one, other, IN_ORDER), (one, other, OUT_OF_ORDER))
            else:
                yield one, other, AS_IT_COMES


def test_the_tables_are_symmetric():
    for table in (TABLE, STRICT):
        assert table == tuple(map("".join, zip(*table)))


def who_waits(one, order):
    """Options of the two: out of order, the side with endpoint-independent mapping lets the other send first. Word that
    it has begun comes by way of S, and may overtake what it sent; hence the delay."""
    waits = ("--start", "after-peer", "--delay", "0.5")
    independent_is_first = KINDS[one][0] == BEHAVIORS[0]
    if order == AS_IT_COMES:
        return {}
    return {"other_more" if independent_is_first == (order == IN_ORDER) else "one_more": waits}


@pytest.mark.rows("L3")
@pytest.mark.parametrize("one, other, order", runs(), ids=lambda value: str(value).replace(" ", "-"))
def test_punching_follows_the_table(sites, record_property, one, other, order):
    """A cell of the table: UDP and TCP, and for both also strict peers, at the same time."""
    lab, daemons, server = sites
    daemons["gw"].behave(one)
    daemons["gwB"].behave(other)
    tables = {"udp": TABLE, "udp strict": STRICT, "tcp": TABLE, "tcp strict": STRICT}
    options = {"udp": (), "udp strict": ("--strict",), "tcp": ("--tcp",), "tcp strict": ("--tcp", "--strict")}
    found = punching.meet_all({
        what: punching.Meeting(server, lab.in1, lab.inB, "--try", "public", *options[what], **who_waits(one, order),
                               patience=punching.patience(expected(table, one, other, order)))
        for what, table in tables.items()})
    wrong = []
    for what, table in tables.items():
        should, does = expected(table, one, other, order), punching.through(*found[what])
        line = f"{one} x {other}, {order}, {what}: expected {should}, observed {does}; {punching.summary(found[what])}"
        print(line)
        record_property(what, f"expected {should}, observed {does}")
        if should != does:
            wrong.append(line)
    assert not wrong, "\n".join(wrong)
