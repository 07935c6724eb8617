"""Plays the demo on its own cluster: policies, two peaks, a second replica, and what became of all."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from foresize_dev import parts
from foresize_dev.api import ApiError
from foresize_dev.cluster import Cluster
from foresize_dev.demo import cast, chronicle, stage, table, timeline, verdict
from foresize_dev.demo.chronicle import Chronicle, Size
from foresize_dev.demo.clock import Clock
from foresize_dev.demo.stage import Stage
from foresize_dev.demo.watching import Watches
from foresize_dev.parts import HYPERKUBE

RESOURCES = ("pods", "events", "memoryforecasts.foresize.dev")
SIZES = f"/apis/foresize.dev/v1alpha1/namespaces/{cast.NAMESPACE}/memorysizes/foresize"


def play(result: Path | None) -> int:
    """Play the demo; 0 if its story came true.

    Args:
        result: where the facts are written as JSON; None: nowhere.
    """
    parts.build_missing()
    clock = Clock()
    put_up = stage.put_up(clock.say)
    seen = Chronicle(clock.say)
    found = verdict.judge(seen, put_up.times, _perform(put_up, seen, clock.say))
    if result is not None:
        result.write_text(json.dumps(found.as_json(clock.seconds), indent=1) + "\n")
    print("\n" + "\n".join(table.lines(table.rows(seen))))
    print("\n" + put_up.cluster.kubectl("get", "memoryforecasts", "--namespace", cast.NAMESPACE).rstrip())
    print(f"\n{clock.seconds:.0f} s. " + _conclusion(found))
    print(_next_commands(put_up.cluster))
    return 1 if found.broken else 0


def _perform(put_up: Stage, seen: Chronicle, say: Callable[[str], None]) -> Size | None:
    """Apply the policies and follow what happens; the size that the second replica was to be born with."""
    running, times, promised = put_up.cluster, put_up.times, None
    kubectl = [str(parts.find_or_build(HYPERKUBE)), "kubectl", "--kubeconfig", str(running.kubeconfig)]
    with Watches(kubectl, cast.NAMESPACE, RESOURCES) as watches:
        say(running.apply(*cast.policies(), namespace=cast.NAMESPACE).strip().replace("\n", ", "))
        say(
            f"the first peak comes in {times.first_peak_s - time.time():.0f} s, at {timeline.clock(times.first_peak_s)}"
        )
        for act_s, act in (
            (times.peaks_s[0], "the first peak begins: both twins need 220Mi now"),
            (times.scale_s, ""),
            (times.peaks_s[1], "the second peak begins"),
            (times.end_s, ""),
        ):
            for event in watches.until(act_s):
                seen.saw(event.kind, event.thing, event.at_s)
            if act:
                say(act)
            if act_s == times.scale_s:
                promised = promised_size(running)
                say(f"kubectl scale deployment/{cast.MANAGED} --replicas=2; new pods are to get {promised}")
                running.kubectl("scale", "--namespace", cast.NAMESPACE, f"deployment/{cast.MANAGED}", "--replicas=2")
    return promised


def promised_size(running: Cluster) -> Size | None:
    """What MemorySizes has for new pods of the managed twin."""
    try:
        sizes = running.api.get(SIZES)["spec"]["sizes"][f"Deployment/{cast.MANAGED}"]["app"]
    except (ApiError, KeyError):
        return None
    return Size(chronicle.parse_bytes(sizes["request"]), chronicle.parse_bytes(sizes["limit"]))


def _conclusion(found: verdict.Verdict) -> str:
    if found.broken:
        return "The story did not come true:\n" + "\n".join(f"  - {words}" for words in found.broken)
    return (
        "The managed twin lives: no kill, no restart, its limit raised "
        f"{found.raised_before_peak_s:.0f} s before the first peak. "
        f"Its twin without a policy was OOM-killed {found.unmanaged.kills} times."
    )


def _next_commands(running: Cluster) -> str:
    program = parts.find_or_build(HYPERKUBE)
    commands = [
        f"export KUBECONFIG={running.kubeconfig}",
        f"alias kubectl='{program} kubectl'",
        f"kubectl --namespace {cast.NAMESPACE} get memorypolicies,memoryforecasts",
        f"kubectl --namespace {cast.NAMESPACE} describe memoryforecast deployment-{cast.MANAGED}",
        f"kubectl --namespace {cast.NAMESPACE} get events",
        f".venv/bin/foresize explain {cast.NAMESPACE}/Deployment/{cast.MANAGED}",
        "make demo-down",
    ]
    return "\nThe cluster is left up. To look around, and to remove every trace of it:\n  " + "\n  ".join(commands)
