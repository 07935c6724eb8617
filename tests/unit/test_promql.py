"""PromQL text: selectors, matchers as users write them, and how pods are told by name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresize_forecast.prometheus.owners import Claim, Owners, claimant
from foresize_forecast.prometheus.promql import Matcher, literal, parse_matchers, pod_pattern, selector


def test_selector_escapes_values() -> None:
    """Quotes, backslashes and line ends in a value cannot end it."""
    matchers = (Matcher("a", "=", 'x"y\\z\n'), Matcher("b", "=~", "1|2"))

    assert 'up{a="x\\"y\\\\z\\n",b=~"1|2"}' == selector("up", matchers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ('cluster="eu"', (Matcher("cluster", "=", "eu"),)),
        (' cluster = "eu" , tenant!~"a|b" ', (Matcher("cluster", "=", "eu"), Matcher("tenant", "!~", "a|b"))),
        ('a="x,y",b!="\\"q\\""', (Matcher("a", "=", "x,y"), Matcher("b", "!=", '"q"'))),
        ('a="x",', (Matcher("a", "=", "x"),)),
    ],
)
def test_matchers_are_read_as_prometheus_writes_them(text: str, expected: tuple[Matcher, ...]) -> None:
    """Matchers in settings look like those in PromQL."""
    assert expected == parse_matchers(text)


@pytest.mark.parametrize("text", ["cluster", "cluster=eu", '1a="x"', 'a="x" b="y"', 'a="x"} or up{b="y"', 'a="\\q"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    """Anything else is an error that shows the text, not a query that means something else."""
    with pytest.raises(ValueError, match=r"cannot read|label name|unknown escape"):
        parse_matchers(text)


@given(st.lists(st.text(min_size=0, max_size=10), max_size=4))
def test_matchers_survive_writing_and_reading(values: list[str]) -> None:
    """Whatever its value, a matcher reads back as it was written."""
    matchers = tuple(Matcher("label", "=", value) for value in values)

    assert matchers == parse_matchers(",".join(map(str, matchers)))


@given(st.text(), st.text())
def test_literal_matches_itself_only(text: str, other: str) -> None:
    """A literal pattern matches its own text and no other."""
    assert re.fullmatch(literal(text), text)
    assert (text == other) == bool(re.fullmatch(literal(text), other))


@pytest.mark.parametrize(
    ("kind", "name", "pod"),
    [
        ("Deployment", "web", "web-6d4cf56db6-x7k2p"),
        ("Deployment", "web-api", "web-api-5f9-x7k2p"),
        ("Deployment", "w" * 50, "w" * 50 + "-6d4cf56" + "x7k2p"),  # 50 + 1 + 7 = 58: the rest of the hash is cut off
        ("Deployment", "w" * 70, "w" * 58 + "x7k2p"),
        ("StatefulSet", "db", "db-12"),
        ("DaemonSet", "agent", "agent-x7k2p"),
        ("ReplicaSet", "web-6d4cf56db6", "web-6d4cf56db6-x7k2p"),
        ("Job", "load", "load-x7k2p"),
        ("Job", "load", "load-3-x7k2p"),
        ("CronJob", "nightly", "nightly-29300000-x7k2p"),
        ("Pod", "a.b", "a.b"),
        ("Cluster", "pg", "pg-1"),
    ],
)
def test_pods_are_known_by_name(kind: str, name: str, pod: str) -> None:
    """Names that Kubernetes' controllers give to pods are recognised."""
    assert re.fullmatch(pod_pattern(kind, name), pod)


@pytest.mark.parametrize(
    ("kind", "name", "pod"),
    [
        ("Deployment", "web", "web-api-6d4cf56db6-x7k2p"),
        ("Deployment", "web", "web-6d4cf56db6-x7k2"),
        ("Deployment", "web", "web-0"),
        ("Deployment", "a.b", "axb-6d4cf56db6-x7k2p"),
        ("StatefulSet", "db", "db-proxy-0"),
        ("StatefulSet", "db", "db0"),
        ("DaemonSet", "agent", "agent-aeiou"),
        ("CronJob", "nightly", "nightly-full-29300000-x7k2p"),
        ("Pod", "a.b", "axb"),
    ],
)
def test_other_pods_are_not(kind: str, name: str, pod: str) -> None:
    """Pods of workloads with a similar name are not taken for this one's."""
    assert not re.fullmatch(pod_pattern(kind, name), pod)


CLAIMS = [Claim(f"Deployment/{name}", pod_pattern("Deployment", name)) for name in ("web", "web-bcd")]


def test_longest_name_wins_between_patterns() -> None:
    """A pod that could be of two workloads is of the one with the longer name."""
    # web-bcd-x7k2p could be of web with hash bcd; web-bcd-5f9-x7k2p is of web-bcd alone.
    assert "Deployment/web" == claimant("web-bcd-x7k2p", CLAIMS, Owners())
    assert "Deployment/web-bcd" == claimant("web-bcd-5f9-x7k2p", CLAIMS, Owners())


def test_owner_chain_ends_at_the_workload() -> None:
    """Pod, Job and CronJob: the recorded chain leads to the workload that was asked for, at either end."""
    owners = Owners({"Pod/n-1-x": "Job/n-1", "Job/n-1": "CronJob/n"})

    assert "CronJob/n" == claimant("n-1-x", [Claim("CronJob/n", "nothing")], owners)
    assert "Job/n-1" == claimant("n-1-x", [Claim("Job/n-1", "nothing")], owners)


def test_replica_set_without_owner_is_told_by_name() -> None:
    """Where only the pods' owners are recorded, the Deployment is told by name."""
    owners = Owners({"Pod/web-5f9-x7k2p": "ReplicaSet/web-5f9"})

    assert "Deployment/web" == claimant("web-5f9-x7k2p", CLAIMS, owners)


def test_owners_that_go_in_circles_end() -> None:
    """Nonsense in the records does not hang."""
    owners = Owners({"Pod/a": "X/b", "X/b": "X/b"})

    assert claimant("a", CLAIMS, owners) is None
