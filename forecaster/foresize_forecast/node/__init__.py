"""What a node will need over the coming hours, whether that is more than it has, and who goes first. Pure.

A node's demand is the sum of its pods' forecasts, with quantiles of the sum (`demand`); who leaves a node that will be
short, and no more of them than needed, is `relief`; what became of earlier forecasts corrects the next (`hindsight`).
"""

from foresize_forecast.moving.consent import Consent
from foresize_forecast.node.demand import Demand, Part, demand, flat, foreseen
from foresize_forecast.node.hindsight import Hindsight, Seen, watched
from foresize_forecast.node.relief import Leaving, Relief, Standing, Tenant, relief
from foresize_forecast.node.stranded import stranded_bytes
from foresize_forecast.node.telling import Told, told

__all__ = [
    "Consent",
    "Demand",
    "Hindsight",
    "Leaving",
    "Part",
    "Relief",
    "Seen",
    "Standing",
    "Tenant",
    "Told",
    "demand",
    "flat",
    "foreseen",
    "relief",
    "stranded_bytes",
    "told",
    "watched",
]
