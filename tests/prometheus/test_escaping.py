"""Label values mean themselves: shown on a real Prometheus with series for every odd value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foresize_forecast.prometheus.promql import Matcher, literal, one_of, parse_matchers, selector
from foresize_forecast.prometheus.wire import Answer, Connection
from prometheus.conftest import Server

pytestmark = pytest.mark.prometheus
Ask = Callable[..., set[str]]
ON_A_SERVER = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def ask(server: Server) -> Ask:
    def texts(*matchers: Matcher) -> set[str]:
        with Connection(server.source) as connection:
            answer = connection.instant(selector("odd", matchers), server.base_s + 60)
        assert isinstance(answer, Answer), answer
        return {series["metric"]["text"] for series in answer.series}

    return texts


def test_each_value_selects_its_own_series(server: Server, ask: Ask) -> None:
    """Equality and a literal pattern select the series with exactly that value, whatever characters it has."""
    for text in server.odd_texts:
        assert {text} == ask(Matcher("text", "=", text))
        assert {text} == ask(Matcher("text", "=~", literal(text)))


def test_inequality_leaves_out_one(server: Server, ask: Ask) -> None:
    """Everything but the value is selected by its negation."""
    assert set(server.odd_texts) - {'a"b'} == ask(Matcher("text", "!=", 'a"b'))
    assert set(server.odd_texts) - {"\\d+"} == ask(Matcher("text", "!~", literal("\\d+")))


@ON_A_SERVER
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_text_is_a_value(server: Server, ask: Ask, text: str) -> None:
    """No text, however made, breaks a query or selects a series of another value."""
    expected = {text} & set(server.odd_texts)

    assert expected == ask(Matcher("text", "=", text))
    assert expected == ask(Matcher("text", "=~", literal(text)))


@ON_A_SERVER
@given(st.data())
def test_any_of_some_values(server: Server, ask: Ask, data: st.DataObject) -> None:
    """A pattern of several values selects all of them and no other."""
    chosen = data.draw(st.sets(st.sampled_from(server.odd_texts), min_size=1, max_size=6))

    assert chosen == ask(Matcher("text", "=~", one_of(sorted(chosen))))


def test_written_matchers_are_read_back(server: Server) -> None:
    """What a matcher is written as is read as the same matcher."""
    matchers = tuple(Matcher("text", "=", text) for text in server.odd_texts)

    assert matchers == parse_matchers(",".join(map(str, matchers)))
