"""The layered layout on random graphs: laws of what is where, whatever the graph is of."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from scene_laws import Grid, around, check_overlaps, is_on_border, jogs
from searching import turns

from shapecalc.renderers.pictures.layered import Card, Cluster, lay_out
from shapecalc.renderers.pictures.layered.channels import Channels
from shapecalc.renderers.pictures.layered.ordering import crossings, order
from shapecalc.renderers.pictures.layered.ranks import Link, make_rows
from shapecalc.renderers.pictures.layered.wrapping import longest_piece
from shapecalc.renderers.pictures.lines import drawn_lines
from shapecalc.renderers.pictures.scene import Outline


def outline(place):
    return Outline(place.x, place.y, place.x + place.width, place.y + place.height)


def clusters_of(cluster):
    return [one for member in cluster.members if isinstance(member, Cluster) for one in (member, *clusters_of(member))]


def cards_of(cluster):
    return [card for one in cluster.members for card in (cards_of(one) if isinstance(one, Cluster) else [one])]


def check(top, edges, found, *, turned=False):
    """Check that boxes are apart and within their clusters, and that each edge goes from its start to its end."""
    cards = {card.key: outline(found.places[card.key]) for card in cards_of(top)}
    grid = Grid(cards.items())
    for card in cards_of(top):
        assert (found.places[card.key].width, found.places[card.key].height) == (card.width, card.height)
        assert grid.meeting(cards[card.key]) == [card.key]
    for cluster in clusters_of(top):
        frame = outline(found.places[cluster.key])
        inside = {card.key for card in cards_of(cluster)}
        assert {*grid.meeting(frame)} == inside
        assert all(frame.contains(cards[key]) for key in inside)
        if not turned:
            assert frame.right - frame.left >= cluster.before + cluster.after - 0.01 or not inside
            head = found.heads[cluster.key]
            assert head == frame.right or inside
            entering = {
                x
                for (start, end), points in found.routes.items()
                if end in inside and start not in inside
                for (x, y), (_, below) in pairwise(points)
                if y <= frame.top < below
            }
            assert not [x for x in entering if head - cluster.after + 0.01 < x < head - 0.01]
        for key in inside:
            assert cards[key].top >= frame.top + cluster.head - 0.01
    assert {*found.routes} == {edge for edge in edges if edge[0] != edge[1]}
    parts = []
    for (start, end), points in found.routes.items():
        assert is_on_border(points[0], cards[start])
        assert is_on_border(points[-1], cards[end])
        assert len(points) > 1
        for one, other in pairwise(points):
            assert one[0] == pytest.approx(other[0]) or one[1] == pytest.approx(other[1]), "a sloping line"
            part = around(one, other)
            assert grid.meeting(part) == []
            parts.append(((start, len(parts)), part))
    check_overlaps(parts)
    whole = Outline(0, 0, found.width, found.height)
    assert all(whole.contains(box) for box in cards.values())


def random_cluster(key, depth, rng):
    """Return a cluster with random boxes, and clusters within it."""
    members = []
    for index in range(rng.randint(1, 6)):
        name = f"{key}.{index}"
        if depth and rng.random() < 0.4:
            members.append(random_cluster(name, depth - 1, rng))
        else:
            members.append(Card(name, rng.choice([30, 60, 100, 200]), rng.choice([20, 40, 80])))
    return Cluster(key, tuple(members), rng.choice([0, 20]), rng.choice([0, 40, 150]), rng.choice([0, 40, 150]))


@turns(20, 300)
@pytest.mark.parametrize("turned", [False, True])
def test_random_graphs(turns, turned):
    for seed in range(turns):
        rng = random.Random(seed)
        top = random_cluster("g", 3, rng)
        keys = [card.key for card in cards_of(top)]
        edges = {}
        for _ in range(rng.randint(0, 2 * len(keys))):
            start, end = sorted(rng.choices(range(len(keys)), k=2))
            edges[keys[start], keys[end]] = None
        found = lay_out(top, edges, turned=turned)
        check(top, edges, found, turned=turned)
        assert lay_out(top, edges, turned=turned) == found


@turns(40, 400)
def test_edges_in_any_direction(turns):
    """Blocks that are not convex: an edge may go from a later cluster to an earlier one, and back."""
    for seed in range(turns):
        rng = random.Random(seed)
        top = random_cluster("g", 2, rng)
        keys = [card.key for card in cards_of(top)]
        edges = dict.fromkeys(tuple(rng.choices(keys, k=2)) for _ in range(rng.randint(0, len(keys))))
        found = lay_out(top, edges)
        cards = {key: outline(found.places[key]) for key in keys}
        grid = Grid(cards.items())
        for (start, end), points in found.routes.items():
            assert is_on_border(points[0], cards[start])
            assert is_on_border(points[-1], cards[end])
            assert not any(grid.meeting(around(one, other)) for one, other in pairwise(points))


def chain(count, height=40.0):
    return Cluster("g", tuple(Card(str(i), 100.0, height) for i in range(count)))


def test_a_chain_is_straight():
    found = lay_out(chain(10), [(str(i), str(i + 1)) for i in range(9)])
    assert {place.x for key, place in found.places.items() if key != "g"} == {0.0}
    assert all(len(points) == 2 for points in found.routes.values())


def test_a_chain_with_skips_is_straight_and_the_skips_are_beside_it():
    edges = [(str(i), str(i + 1)) for i in range(9)] + [("0", "4"), ("1", "7"), ("2", "3")]
    found = lay_out(chain(10), edges)
    assert {place.x for key, place in found.places.items() if key != "g"} == {0.0}
    assert all(len(found.routes[str(i), str(i + 1)]) == 2 for i in range(9))
    for skip in (("0", "4"), ("1", "7")):
        assert max(x for x, _ in found.routes[skip]) > 100


def test_branches_are_around_the_middle():
    top = Cluster("g", tuple(Card(key, 100.0, 40.0) for key in "abcde"))
    found = lay_out(top, [("a", "b"), ("a", "c"), ("a", "d"), ("b", "e"), ("c", "e"), ("d", "e")])
    places = found.places
    assert places["a"].x == places["c"].x == places["e"].x
    assert places["c"].x - places["b"].x == places["d"].x - places["c"].x
    assert places["b"].y == places["c"].y == places["d"].y


def test_what_depends_on_nothing_is_just_above_what_it_is_for():
    edges = [("0", "1"), ("1", "8"), *[(str(i), str(i + 1)) for i in range(2, 9)]]
    places = lay_out(chain(10), edges).places
    assert places["1"].y == places["7"].y
    assert places["0"].y == places["6"].y


def test_crossings_are_removed():
    links = [Link(0, 5, 0), Link(1, 4, 1), Link(2, 3, 2)]
    rows = make_rows([(10.0, 10.0)] * 6, links)
    assert crossings(rows) == 3
    order(rows)
    assert crossings(rows) == 0


def test_a_long_chain_is_wrapped():
    edges = [(str(i), str(i + 1)) for i in range(99)]
    top = chain(100)
    found = lay_out(top, edges)
    check(top, edges, found)
    assert found.height < 2000 < 100 * 40
    assert 1 < found.width / found.height < 3
    turned = lay_out(top, edges, turned=True)
    check(top, edges, turned, turned=True)
    assert turned.height > 300


def test_a_very_long_chain_is_a_page():
    count = 2000
    found = lay_out(chain(count), [(str(i), str(i + 1)) for i in range(count - 1)])
    assert 1.2 < found.width / found.height < 2


def test_skips_go_on_with_a_chain_that_is_wrapped():
    edges = [(str(i), str(i + 1)) for i in range(99)] + [(str(i), str(99 - i)) for i in range(4)]
    for turned in (False, True):
        found = lay_out(chain(100), edges, turned=turned)
        check(chain(100), edges, found, turned=turned)
        assert max(found.width / 3200, found.height / 2000) <= 1
        inner = [found.routes[str(i), str(99 - i)] for i in range(4)]
        for one, other in combinations(inner, 2):  # in the same order everywhere
            assert not any(Outline.meets(around(*a), around(*b), 0.1) for a in pairwise(one) for b in pairwise(other))


def test_what_many_skips_pass_is_not_wrapped():
    edges = [(str(i), str(i + 1)) for i in range(99)] + [(str(i), str(99 - i)) for i in range(8)]
    found = lay_out(chain(100), edges)
    assert found.height > 80 * 40


def test_no_piece_is_for_little():
    """A wide row of many boxes, and a chain below it: the page would be hardly smaller."""
    cards = [Card(str(i), 100.0, 40.0) for i in range(39)]
    top = Cluster("g", (*cards, *[Card(f"w{i}", 560.0, 40.0) for i in range(9)]))
    edges = [(str(i), str(i + 1)) for i in range(38)] + [("38", f"w{i}") for i in range(9)]
    found = lay_out(top, edges)
    check(top, edges, found)
    assert found.places["38"].x == found.places["0"].x


def test_pieces_of_a_large_picture_are_longer():
    """A cluster of it is up to as long as its page."""
    edges = [(str(i), str(i + 1)) for i in range(99)]
    inner = Cluster("h", tuple(Card(f"h{i}", 100.0, 40.0) for i in range(100)))
    others = [Card(str(i), 1000.0, 100.0) for i in range(100)]
    top = Cluster("g", (inner, *others))
    edges = [(f"h{i}", f"h{i + 1}") for i in range(99)] + [("h99", "0")] + edges
    found = lay_out(top, edges)
    check(top, edges, found)
    page = longest_piece(top, turned=False)
    assert page > 2500
    assert 1200 < found.places["h"].height <= page
    assert found.places["h"].width < 4 * 100 + 3 * 60


@turns(30, 400)
@pytest.mark.parametrize("turned", [False, True])
def test_random_graphs_in_many_pieces(turns, turned, monkeypatch):
    monkeypatch.setattr("shapecalc.renderers.pictures.layered.wrapping.LONGEST", 150.0)
    folded = 0
    for seed in range(turns):
        rng = random.Random(seed)
        top = random_cluster("g", 2, rng)
        keys = [card.key for card in cards_of(top)]
        edges = dict.fromkeys(pairwise(keys))
        for _ in range(rng.randint(0, len(keys))):
            start, end = sorted(rng.choices(range(len(keys)), k=2))
            edges[keys[start], keys[end]] = None
        found = lay_out(top, edges, turned=turned)
        check(top, edges, found, turned=turned)
        down = [[y if not turned else x for x, y in points] for points in found.routes.values()]
        folded += any(max(at) > at[-1] for at in down)
    assert folded > turns / 3


def test_lines_of_one_start_are_one_line():
    """A start with many ends needs one bend point a row, not one for each end."""
    count = 300
    links = [Link(i, i + 1, i) for i in range(count - 1)] + [Link(0, i, 0) for i in range(2, count)]
    rows = make_rows([(10.0, 10.0)] * count, links)
    assert len(rows.rank) - count == count - 2


def test_lines_that_change_places():
    """Two lines that each end where the other starts: one moves aside first, past a third that goes straight on."""
    links = [Link(0, 4, 0), Link(1, 3, 1), Link(2, 5, 2)]
    rows = make_rows([(4.0, 10.0)] * 6, links)
    channels = Channels(rows, [0.0, 30.0, 35.0, 0.0, 30.0, 35.0], [True] * 6)
    paths = [channels.path(rows.paths[link][0]) for link in links]
    parts = [((start, n), around(*pair)) for start, path in enumerate(paths) for n, pair in enumerate(pairwise(path))]
    check_overlaps(parts)
    ends = [(path[0][0] - paths[0][0][0], path[-1][0] - paths[0][0][0]) for path in paths]
    assert ends == [(0, 30), (30, 0), (35, 35)]


def test_no_piece_begins_with_an_end_or_ends_with_a_beginning():
    """A cut is not between the first box and the rest, nor before the last."""
    tall = Cluster("h", (Card("t", 100.0, 900.0),))
    top = Cluster("g", (Card("a", 100.0, 40.0), tall, Card("z", 100.0, 40.0)))
    found = lay_out(top, [("a", "t"), ("t", "z")])
    assert {found.places[key].x for key in "atz"} == {12.0}
    edges = [(str(i), str(i + 1)) for i in range(59)] + [("30", "end")]
    chained = chain(60)
    top = Cluster("g", (*chained.members, Card("end", 60.0, 20.0)))
    places = lay_out(top, edges).places
    assert len({places[key].x for key in "0 1 58 59".split()}) == 2
    assert 0 < places["end"].y - places["30"].y < 100


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_beside_something_tall_is_near_to_its_lines(turned):
    """A side branch of several boxes is at the top of what is beside it, what forks below it at its bottom."""
    tall = Cluster("h", tuple(Card(f"h{i}", 100.0, 100.0) for i in range(8)))
    inner = [(f"h{i}", f"h{i + 1}") for i in range(7)]
    top = Cluster("g", (Card("a", 100.0, 100.0), tall, *[Card(key, 100.0, 100.0) for key in "bcdez"]))
    edges = [("a", "h0"), ("a", "b"), ("b", "c"), ("c", "d"), ("h7", "z"), ("h7", "e"), *inner]
    found = lay_out(top, edges, turned=turned)
    check(top, edges, found, turned=turned)
    at = {key: place.x if turned else place.y for key, place in found.places.items()}
    assert [at["c"] - at["b"], at["d"] - at["c"]] == [122.0, 122.0]
    assert at["b"] == at["h"]
    source = lay_out(
        Cluster("g", (tall, *[Card(key, 100.0, 100.0) for key in "bz"])), [("h7", "z"), ("b", "z"), *inner]
    )
    below = source.places["h"].y + source.places["h"].height
    assert source.places["b"].y + 100 == below


def test_a_piece_from_left_to_right_is_as_long_as_a_page_is_wide():
    edges = [(str(i), str(i + 1)) for i in range(10)]
    assert len({place.y for key, place in lay_out(chain(11), edges, turned=True).places.items() if key != "g"}) == 1
    tall = chain(11, 100.0)
    assert len({place.x for key, place in lay_out(tall, edges).places.items() if key != "g"}) > 1


def test_few_lines_go_on_to_the_next_piece():
    """A chain with skips nearly from end to end, as a U-Net, and without at its ends: it is cut there."""
    edges = [(str(i), str(i + 1)) for i in range(23)] + [(str(i), str(22 - i)) for i in range(8, 11)]
    places = lay_out(chain(24), edges).places
    assert len({places[str(i)].x for i in range(24)}) > 1
    assert len({places[str(i)].x for i in range(9, 14)}) == 1


def test_a_chain_with_long_skips_is_wrapped_where_it_would_not_be_legible():
    edges = [(str(i), str(i + 1)) for i in range(15)] + [(str(i), str(14 - i)) for i in range(1, 5)]
    found = lay_out(chain(16), edges)
    assert len({found.places[str(i)].x for i in range(16)}) == 2
    assert found.height < 700
    routes = [points for (start, end), points in found.routes.items() if int(end) > int(start) + 1]
    beside = [points for points in routes if min(y for _, y in points) < points[0][1]]
    assert len(beside) > 2
    for points in beside:  # up to the next piece at once, without a way down
        highest = points.index(min(points, key=lambda point: point[1]))
        assert max(y for _, y in points[:highest]) < points[0][1] + 30


def test_clusters_are_wrapped_only_if_the_page_is_much_smaller():
    edges = [(f"h{i}", f"h{i + 1}") for i in range(17)]
    inner = Cluster("h", tuple(Card(f"h{i}", 100.0, 40.0) for i in range(18)))
    alone = lay_out(Cluster("g", (inner,)), edges).places
    assert len({alone[f"h{i}"].x for i in range(18)}) == 2
    wide = [Card(f"w{i}", 560.0, 40.0) for i in range(6)]
    below = lay_out(Cluster("g", (inner, *wide)), [*edges, *[("h17", f"w{i}") for i in range(6)]]).places
    assert len({below[f"h{i}"].x for i in range(18)}) == 1


def test_nothing():
    assert lay_out(Cluster("g", ()), []).routes == {}


@pytest.mark.parametrize(("jog", "start"), [(4, 2), (40, 28)])
def test_a_line_branches_off_where_the_corner_of_the_others_ends(jog, start):
    """And not before what the others have drawn."""
    routes = {("a", "b"): ((0, 0), (0, 10), (jog, 10), (jog, 30)), ("a", "c"): ((0, 0), (0, 10), (100, 10), (100, 30))}
    first, second = drawn_lines(routes)
    assert second.start == (start, 10)
    assert first.steps[1][-1][0] <= start < jog


def test_jogs_are_seen():
    """The law of the pictures of networks: by how much a line goes aside and then on."""
    (line,) = drawn_lines({("a", "b"): ((0, 0), (0, 30), (4, 30), (4, 60), (54, 60), (54, 90), (60, 90), (60, 0))})
    assert [*jogs(line)] == pytest.approx([4, 30, 50, 30])
