"""What is known of a workload at a tick."""

from __future__ import annotations

from dataclasses import replace

from builders import container, pod, recent
from foresize.config.settings import Settings
from foresize.passes.senses import Foreseen
from foresize.passes.sensing import sense
from foresize_forecast.prometheus import ContainerOfPod, NewestSamples


def test_a_container_whose_samples_stopped_counts_as_not_measured() -> None:
    """Of two pods one is scraped, the other one's node has been silent for longer than samples may be old."""
    live, silent = pod(container()), replace(pod(container()), name="web-silent")
    samples = recent([100.0, 100.0])
    now_s = float(samples.times_s[-1]) + 10
    old = replace(samples, times_s=samples.times_s - Settings().sample_max_age_s)
    known = {
        ContainerOfPod("shop", live.name, "app"): samples,
        ContainerOfPod("shop", silent.name, "app"): old,
    }
    found = sense("shop", [live, silent], NewestSamples(now_s, known), Foreseen(), Settings())

    assert {(live.name, "app")} == set(found.recent)
    assert "" == found.distrust
