from collections.abc import Sequence
from typing import Any

import pytest

from foresize_dev.demo import cast, table, timeline, verdict
from foresize_dev.demo.chronicle import Chronicle, Size, parse_bytes
from foresize_dev.demo.timeline import MIB, Timeline
from foresize_dev.demo.watching import documents

NOON_S = 1_700_049_600  # 2023-11-15 12:00:00 UTC
TIMES = Timeline(NOON_S)
SMALL, RAISED, PEAK = ("72Mi", "128Mi"), ("72Mi", "303Mi"), ("221Mi", "303Mi")


def pod(app: str, size: tuple[str, str], in_force: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    name = more.pop("name", f"{app}-1")
    status: dict[str, Any] = {"restartCount": more.pop("restarts", 0), "lastState": more.pop("last", {}), "state": {}}
    if in_force is not None:
        status["resources"] = resources(in_force)
    return {
        "kind": "Pod",
        "metadata": {"uid": name, "name": name, "labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "resources": resources(size)}]},
        "status": {"containerStatuses": [status]},
    }


def resources(size: tuple[str, str]) -> dict[str, Any]:
    return {"requests": {"memory": size[0]}, "limits": {"memory": size[1]}}


def killed(container: str) -> dict[str, Any]:
    return {"terminated": {"reason": "OOMKilled", "containerID": container}}


def leak() -> dict[str, Any]:
    status = {"containers": [{"name": "app", "shape": "Leaking", "growthPerDay": "10Mi"}]}
    return {"kind": "MemoryForecast", "spec": {"workload": {"kind": "Deployment", "name": "leaky"}}, "status": status}


def played(managed: Sequence[tuple[int, tuple[str, str]]], said: list[str] | None = None) -> Chronicle:
    """A demo in which the managed twin's pod has these sizes at seconds from the first peak; the rest goes well."""
    seen = Chronicle((said if said is not None else []).append)
    seen.saw("ADDED", pod("web-unmanaged", SMALL, SMALL), NOON_S - 100)
    for after_s, size in managed:
        seen.saw("MODIFIED", pod("web", size, size), NOON_S + after_s)
    seen.saw("MODIFIED", pod("web-unmanaged", SMALL, SMALL, restarts=1, last=killed("c1")), NOON_S + 2)
    seen.saw("MODIFIED", leak(), NOON_S)
    seen.saw("ADDED", pod("web", PEAK, name="web-2"), NOON_S + 50)
    return seen


WELL = [(-100, SMALL), (-60, RAISED), (-45, PEAK), (40, RAISED), (75, PEAK), (160, RAISED)]
PROMISED = Size(221 * MIB, 303 * MIB)


def test_first_peak_is_on_the_grid() -> None:
    """The first peak leaves time for what comes before it, and begins where an interval of the history begins."""
    # 12:00:01 + 110 s = 12:01:51, the next whole 15 s are 12:02:00
    assert Timeline(NOON_S + 120) == timeline.starting(NOON_S + 1)


def test_schedule_is_memhogs() -> None:
    """The twins' schedule names four times of the day: up, down, up, down."""
    assert TIMES.daily == "12:00:00=220Mi,12:00:15=60Mi,12:02:00=220Mi,12:02:15=60Mi"


def test_history_is_the_same_day_again() -> None:
    """The past has a peak at the same time of each day, in one sample, and none at other times."""
    past = timeline.past_until(NOON_S - 90, timeline.STEP_S)
    values = dict(zip(past.times_s, timeline.twin_history(TIMES, past), strict=True))
    peaks = [at_s for at_s, used in values.items() if used > 100 * MIB]

    # Two peaks of 15 s a day and a sample every 15 s, in the middle of its interval: the 7th second.
    assert 2 * timeline.HISTORY_DAYS == len(peaks)
    assert {NOON_S % 86_400 + 7.5, NOON_S % 86_400 + 127.5} == {at_s % 86_400 for at_s in peaks}
    assert max(values) < NOON_S - 90


def test_leak_goes_on_as_it_was() -> None:
    """The live leak has the slope of its past."""
    # (180 - 40) Mi in 14 days are 10 Mi a day: 1 Mi every 8640 s.
    assert timeline.leak_rate() == "1Mi/8640s"


def test_story_that_came_true() -> None:
    """A demo in which all happened as promised has nothing to complain of, and says when the limit was raised."""
    found = verdict.judge(played(WELL), TIMES, PROMISED)

    assert [] == found.broken
    assert {
        "managed": {"kills": 0, "restarts": 0, "raised_before_peak_s": 60},
        "unmanaged": {"kills": 1},
        "leak_named": True,
        "born_with_forecast": True,
        "seconds": 300.0,
        "broken": [],
    } == found.as_json(300)


@pytest.mark.parametrize(
    ("managed", "complaint"),
    [
        ([(-100, SMALL)], "the limit of web was never raised"),
        ([(-100, SMALL), (3, PEAK)], "the limit of web was raised 3 s after the first peak began"),
        ([*WELL[:-3], (160, RAISED)], "the request of web was not raised before a peak"),
        ([*WELL[:3], (160, RAISED)], "the request of web was not lowered after a peak"),
        (WELL[:-1], "the request of web was not lowered after a peak"),
    ],
)
def test_story_that_did_not(managed: Sequence[tuple[int, tuple[str, str]]], complaint: str) -> None:
    """What did not happen to the managed twin is said in a sentence."""
    assert complaint in verdict.judge(played(managed), TIMES, PROMISED).broken


def test_birth_at_another_size() -> None:
    """A second replica that has not the size in MemorySizes is no birth with the forecast's size."""
    found = verdict.judge(played(WELL), TIMES, Size(220 * MIB, 303 * MIB))

    assert not found.born_with_forecast
    assert "not born with the forecast's size (220Mi/303Mi)" in found.broken[0]


def test_a_kill_is_counted_once() -> None:
    """A kill is seen in many versions of a pod and counted once; a second one counts again."""
    said: list[str] = []
    seen = played(WELL, said)
    for container in ("c1", "c1", "c2"):
        seen.saw("MODIFIED", pod("web-unmanaged", SMALL, SMALL, restarts=2, last=killed(container)), NOON_S + 20)

    assert verdict.Twin(kills=2, restarts=2) == verdict.twin(seen.of(cast.UNMANAGED))
    assert 2 == sum("OOM-killed" in line for line in said)


def test_table() -> None:
    """The table has a line for each workload and the sum of what was freed, over all replicas."""
    seen = played(WELL)
    seen.saw("MODIFIED", pod("batch", ("512Mi", "1Gi")), NOON_S - 100)
    seen.saw("MODIFIED", pod("batch", ("61Mi", "1Gi")), NOON_S)

    # batch: 512 - 61 = 451; web's oldest pod is back at its template's request.
    assert [
        "WORKLOAD       POLICY    PODS  REQUEST        LIMIT           KILLS  RESTARTS  FREED",
        "web            in place  2     72Mi           128Mi -> 303Mi  0      0         -",
        "web-unmanaged  none      1     72Mi           128Mi           1      1         -",
        "batch          in place  1     512Mi -> 61Mi  1024Mi          0      0         451Mi",
        "                                                                               451Mi",
    ] == table.lines(table.rows(seen))


def test_forecasts_and_events_are_told_once() -> None:
    """What the operator says is passed on, and said again only when it says something new."""
    said: list[str] = []
    seen = Chronicle(said.append)
    event = {
        "kind": "Event",
        "reportingComponent": "foresize.dev/operator",
        "involvedObject": {"name": "web-1"},
        "reason": "MemoryResized",
        "message": "memory 72Mi -> 221Mi",
    }
    for _ in range(2):
        seen.saw("ADDED", event, NOON_S)
        seen.saw("MODIFIED", leak(), NOON_S)

    assert ["web-1: MemoryResized: memory 72Mi -> 221Mi", "Deployment/leaky: Leaking, grows 10Mi a day"] == said


def test_documents_of_a_stream() -> None:
    """Objects come out of kubectl's stream one by one, written over one line or many."""
    stream = '{"type": "ADDED", "object": {}}\n{\n    "type": "MODIFIED",\n    "object": {\n        "a": {}\n    }\n}\n'

    assert ["ADDED", "MODIFIED"] == [each["type"] for each in documents(iter(stream.splitlines(keepends=True)))]


@pytest.mark.parametrize(("text", "expected"), [("64Ki", 65_536), ("128Mi", 134_217_728), ("1Gi", 1 << 30), ("7", 7)])
def test_quantities(text: str, expected: int) -> None:
    """Sizes are read as Kubernetes writes them."""
    assert expected == parse_bytes(text)
