"""What people write for an intervention: read as data, unambiguous, bounded, and in agreement with Python's arithmetic."""

import math
import operator
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causalgen.errors import CausalgenError, DataError, InterventionWarning, SupportError, UnknownNameError
from causalgen.grammar import parse_do, parse_values, read_do
from causalgen.grammar.expressions import DEEPEST, LONGEST, compile_expression
from causalgen.graph import CausalGraph, Variable
from causalgen.scm.interventions import describe

GRAPH = CausalGraph(
    [("pen", "thickness"), ("dose", "thickness"), ("age at scan", "thickness"), ("grade", "thickness"),
     ("thickness", "image"), ("thickness", "CD4+"), ("pen", "score"), ("lambda", "score"), ("level", "score")],
    [
        Variable("pen", "binary", labels=("ballpoint", "felt-tip")),
        Variable("dose", "ordinal", labels=("low", "middle", "high")),
        Variable("grade", "ordinal", labels=(-1, 0, 1)),
        Variable("level", "categorical", labels=("2*3", "+1", "a=b")),
        Variable("age at scan", "continuous", unit="years"),
        Variable("lambda", "continuous"),
        Variable("thickness", "continuous", support=(1, 7), unit="px"),
        Variable("CD4+", "continuous"),
        Variable("score", "continuous"),
        Variable("image", "image", shape=(1, 8, 8)),
    ],
)  # fmt: skip


def _act(text: str, natural: list[float], **parents: list[float]) -> list[float]:
    """What an intervention makes of a node's natural values."""
    ((_, what),) = parse_do(GRAPH, [text]).items()
    given = {name.replace("_", " "): torch.tensor(values) for name, values in parents.items()}
    return pytest.approx(what(torch.tensor(natural), given).tolist())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("score=4", 4.0),
        ("score=-0.5", -0.5),  # a minus belongs to the number
        ("score = - 0.5", -0.5),
        ("score=2*(3-1)**2/-4", -2.0),
        ("score=min(3, 2, 5) + max(0, 1) + abs(-2) + sqrt(4) + log(1) + exp(0)", 8.0),
        ("thickness=4", 4.0),
        ("CD4+=3", 3.0),  # the node is called so
        ("'age at scan'=40", 40.0),
        ("age at scan = 40", 40.0),
        ("thickness=4 px", 4.0),  # the unit may follow
        ("thickness= 4px ", 4.0),
        ("age at scan=40 years", 40.0),
        ("age at scan=040Y", 40.0),  # as a DICOM header has it
        ("age at scan=018M", 1.5),
        ("score=−0.5", -0.5),  # the minus of printed pages
        ("grade=−1", -1),
        ("pen=felt-tip", "felt-tip"),
        ("level=2*3", "2*3"),  # labels win
        ("level=+1", "+1"),
        ("level=a=b", "a=b"),
        ("grade=-1", -1),
        ("grade=1", 1),
    ],
)
def test_a_value_stays_a_value(text: str, value: object) -> None:
    assert list(parse_do(GRAPH, [text]).values()) == [value]


@pytest.mark.parametrize("text", ["score=+1", "score = + 1", "score+=1", "score += 2/2", "score=score+1", "score-=-1"])
def test_a_shift_has_a_form_of_its_own(text: str) -> None:
    assert _act(text, [1.5, -2.0]) == [2.5, -1.0]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("thickness-=0.5", [1.5, 3.5]),
        ("thickness*=1.5", [3.0, 6.0]),
        ("thickness/=2", [1.0, 2.0]),
        ("thickness*=1+0.5", [3.0, 6.0]),  # the whole right side
        ("thickness=min(thickness*2, 7)", [4.0, 7.0]),
        ("thickness='age at scan'/10 - grade", [4.0, 3.0]),  # labels, not codes, of a node whose labels are numbers
        ('thickness="age at scan"/10', [3.0, 4.0]),
    ],
)
def test_an_expression_sees_the_node_itself_and_its_parents(text: str, result: list[float]) -> None:
    grade = torch.tensor([0, 2])
    ((_, what),) = parse_do(GRAPH, [text]).items()
    done = what(torch.tensor([2.0, 4.0]), {"age at scan": torch.tensor([30.0, 40.0]), "grade": grade})
    assert done.tolist() == pytest.approx(result)
    assert done.dtype == torch.float32


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("thickness=+1", "thickness = +1 px"),
        ("thickness = +1 px", "thickness = +1 px"),  # what is shown can be written again
        ("thickness -= 0.5 px", "thickness -= 0.5 px"),
        ("thickness−=0.5", "thickness -= 0.5 px"),
        ("dose−=1", "dose -= 1"),
        ("score=score−1", "score = score-1"),
        ("thickness-=0.5", "thickness -= 0.5 px"),
        ("thickness*=1.2", "thickness *= 1.2"),
        ("thickness = thickness * 1.2", "thickness = thickness * 1.2"),
        ("dose+=1", "dose += 1"),
        ("thickness=4", "thickness = 4 px"),
    ],
)
def test_titles_show_what_was_written(text: str, shown: str) -> None:
    ((name, what),) = parse_do(GRAPH, [text]).items()
    assert describe(GRAPH[name], what) == shown


def test_ordinal_nodes_move_by_labels_and_the_last_one_stays() -> None:
    codes = torch.tensor([0, 1, 2])
    for text, result in {"dose=+1": [1, 2, 2], "dose += 1": [1, 2, 2], "dose-=2": [0, 0, 0]}.items():
        ((_, what),) = parse_do(GRAPH, [text]).items()
        with pytest.warns(InterventionWarning, match="of 3 units stop there"):
            assert what(codes, {}).tolist() == result


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "name=value"),
        ("=", DataError, "name=value"),
        ("thickness=", DataError, "Write it as thickness=4"),
        ("thickness==4", DataError, "got '=4'"),
        ("thickness=4=5", DataError, "got '4=5'"),
        ("thickness>=4", UnknownNameError, "Did you mean 'thickness'"),
        ("'thicknes'=4", UnknownNameError, "Did you mean 'thickness'"),
        ("thickness=thicknes*2", UnknownNameError, "Did you mean 'thickness'"),
        ("score=thickness*2", UnknownNameError, "may use the node itself and its parents"),
        ("thickness=pen*2", DataError, "'pen', whose labels are words"),
        ("thickness=-0.5", SupportError, r"to lower it by that much, write thickness-=0.5"),
        ("thickness=2*4", SupportError, "got 8"),
        ("thickness=+-1", DataError, "Expected a number after the plus sign"),
        ("thickness=+age at scan", DataError, r"Write thickness\+="),
        ("thickness=1/0", DataError, "got inf from '1 / 0'"),
        ("score=min(1, 1/0)", DataError, "got inf"),
        ("score=log(-1)", DataError, "got nan"),
        ("score=(-8)**(1/3)", DataError, "got nan"),
        ("score=1e999", DataError, "Expected a number for 'score'; got"),
        ("score=2*1e999", DataError, "got '1e999'"),
        ("score=inf", DataError, "Expected a number for 'score'; got"),
        ("score=9**999", DataError, "exponents of at most 100"),
        ("score=9**9**9", DataError, "got inf"),
        ("score=0x" + "f" * 290, DataError, "or an expression of"),
        ("score=2**0x" + "f" * 280, DataError, "exponents of at most 100"),
        ("score=" + "1+" * LONGEST + "1", DataError, "at most 300 characters"),
        ("score=" + "(" * 99 + "1" + ")" * 99, None, ""),  # parentheses alone nest nothing
        ("score=" + "-" * 250 + "1", DataError, "nested at most 30 deep"),
        ("score=" + "~" * 250 + "1", DataError, "or an expression of"),
        ("score=min(1)", DataError, "two or more arguments"),
        ("score=exp()", DataError, "one argument"),
        ("score=abs(1, 2)", DataError, "one argument"),
        ("score=max(1, *level)", DataError, "or an expression of"),
        ("score=round(2.5)", DataError, "got 'round"),
        ("score=score.real", DataError, "got 'score.real'"),
        ("score=(lambda: 1)()", DataError, "got "),
        ("score=lambda*2", DataError, "such as lambda, in quotes"),
        ("score='lambda'*2", None, ""),
        ("score=f'{score}'", DataError, "got "),
        ("score=True", DataError, "got 'True'"),
        ("score=1j", DataError, "got '1j'"),
        ("score=score if score > 1 else 0", DataError, "got "),
        ("score=score % 2", DataError, "got 'score % 2'"),
        ("score\x00=4", UnknownNameError, "score"),
        ("score=4\x00*score", DataError, "or an expression of"),
        ("score=\udc80", DataError, "or an expression of"),
        ("pen=+1", DataError, "Expected a label of 'pen'"),
        ("pen+=1", DataError, "Expected only labels, with ="),
        ("dose+=0.5", DataError, "a whole number of labels"),
        ("dose*=2", DataError, "low, middle, high"),
        ("dose=dose+1", DataError, "Expected a label of 'dose'"),
        ("pen=FELT-TIP", DataError, "Did you mean 'felt-tip'"),
        ("thickness=40%", DataError, "got '40%'"),
        ("thickness=4 mm", DataError, "got '4 mm'"),
        ("thickness*=2 px", DataError, "got '2 px'"),
        ("score=4 px", DataError, "got '4 px'"),
        ("thickness=4 # mm", DataError, "got '4 # mm'"),
        ("image=+1", DataError, "got the image 'image'"),
        ("score*=1) + (2", DataError, "or an expression of"),
    ],
)
def test_what_means_nothing_is_refused(text: str, error: type[Exception] | None, message: str) -> None:
    if error is None:
        parse_do(GRAPH, [text])
        return
    with pytest.raises(error, match=message):
        parse_do(GRAPH, [text])


def test_results_that_are_no_values_are_refused_with_the_units_and_the_remedy() -> None:
    with pytest.raises(DataError, match=r"got inf from '1 / score' in 1 of 2 units\. Check divisions by zero"):
        _act("score=1/score", [0.0, 2.0])
    with pytest.raises(SupportError, match=r"under thickness \*= 2; got 12 in 1 of 2 units\. Bound it with min"):
        _act("thickness*=2", [2.0, 6.0])


def test_observed_values_are_plain() -> None:
    assert parse_values(GRAPH, ["score=-2", "pen=felt-tip"]) == {"score": -2.0, "pen": "felt-tip"}
    assert parse_values(GRAPH, ["score=−2", "thickness=4 px", "grade=−1"]) == {
        "score": -2.0,
        "thickness": 4.0,
        "grade": -1,
    }
    for text in ("score+=1", "score=score*2", "dose=dose"):
        with pytest.raises(DataError, match="Expected"):
            parse_values(GRAPH, [text])


def test_a_study_file_says_the_same_after_a_colon() -> None:
    words = {"thickness": "+1", "dose": "-= 1", "score": "score*2", "CD4+": "−= 0.5", "pen": "felt-tip"}
    read = read_do(GRAPH, words)
    shown = [describe(GRAPH[name], what) for name, what in read.items()]
    assert shown == ["thickness = +1 px", "dose -= 1", "score = score*2", "CD4+ -= 0.5", "pen = felt-tip"]
    assert read_do(GRAPH, {"score": -2}) == {"score": -2.0}


BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
}  # fmt: skip
UNARY: dict[str, Callable[[float], float]] = {"abs": abs, "exp": math.exp, "log": math.log, "sqrt": math.sqrt}
NUMBERS = st.floats(-50, 50, allow_nan=False).map(lambda number: f"{number:.4f}")
LEAVES = st.one_of(NUMBERS.map(lambda text: f"({text})"), st.sampled_from(["x", "y"]))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(list(BINARY)), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(list(UNARY)), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=8,
)
X, Y = Variable("x", "continuous"), Variable("y", "continuous")


@settings(deadline=None, max_examples=200)
@given(TREES, st.floats(-9, 9), st.floats(-9, 9))
def test_it_agrees_with_python(text: str, x: float, y: float) -> None:
    """Values, and where Python's own arithmetic has none: an error of ours."""
    names = {**UNARY, "min": min, "max": max, "x": x, "y": y}
    try:
        expected = eval(text, {"__builtins__": {}}, names)
        expected = math.nan if isinstance(expected, complex) or math.isinf(expected) else expected
    except (ArithmeticError, ValueError, TypeError):  # TypeError: a complex number in a comparison
        expected = math.nan
    try:
        expression = compile_expression(text, X, {"y": Y})
        ours = float(expression(torch.tensor([x], dtype=torch.float64), {"y": torch.tensor([y], dtype=torch.float64)}))
    except DataError:
        ours = math.nan
    if math.isfinite(expected) and math.isnan(ours):
        assert "**" in text or "exp" in text  # refused for the size of an exponent, or a complex or infinite step
    else:
        assert ours == pytest.approx(expected, rel=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=120)
@given(st.one_of(st.text(max_size=40), st.text(alphabet="score=+-*/()1.e0x,'\"minlog ", max_size=60)))
def test_any_text_gives_an_intervention_or_one_of_our_errors(text: str) -> None:
    for written in (text, f"score={text}", f"score*={text}", f"dose={text}", f"{text}=1"):
        try:
            read = parse_do(GRAPH, [written])
            for name, what in read.items():
                if callable(what):
                    values = torch.tensor([1, 2]) if GRAPH[name].is_discrete else torch.tensor([1.0, 2.0])
                    parents = {
                        p: torch.tensor([0, 1]) if GRAPH[p].is_discrete else torch.ones(2) for p in GRAPH.parents(name)
                    }
                    what(values, parents)
        except CausalgenError:
            pass


def test_the_bounds_are_those_of_the_reader() -> None:
    compile_expression("-" * (DEEPEST - 1) + "1", X, {})
    with pytest.raises(DataError, match="nested"):
        compile_expression("-" * (DEEPEST + 1) + "1", X, {})


def test_truth_values_are_written_as_tables_and_shells_write_them() -> None:
    graph = CausalGraph("smoker -> score", [Variable("smoker", "binary"), Variable("score", "continuous")])
    assert [parse_do(graph, [f"smoker={word}"])["smoker"] for word in ("true", "True", "FALSE")] == [True, True, False]
    with pytest.raises(DataError, match="Expected a label of 'smoker' among False, True; got 'yes'"):
        parse_values(graph, ["smoker=yes"])
