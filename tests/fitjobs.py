"""What worker processes do in tests: importable, for a process of its own has to find it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from foresize_forecast.forecasting.outlook import NoOutlook
from foresize_forecast.foresee import Wish, foresee
from foresize_forecast.series import History
from foresize_forecast.sizing.plan import Forecasted

Answers = list[Forecasted | NoOutlook]


def told(history: History, wishes: Sequence[Wish]) -> Answers:
    """Names the container and the process; `bad` fails, `deadly` ends it, `endless` does not end, `slow` takes 0.2 s.

    `app` is forecast.
    """
    names = [key.container for key in history.containers]
    if "bad" in names:
        raise ValueError("bad history")
    if "deadly" in names:
        os._exit(9)
    if "endless" in names:
        time.sleep(600)
    if "app" in names:
        return foresee(history, wishes)
    if "slow" in names:
        time.sleep(0.2)
    return [NoOutlook(name, str(os.getpid())) for name, _ in zip(names, wishes, strict=True)]
