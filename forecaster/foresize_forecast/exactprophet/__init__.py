"""Prophet's MAP fit for thousands of series at once, each with a proof that no better one exists.

    model = Model(seasonalities=(DAILY, WEEKLY))
    fits = fit(model, times_s, values)                       # values: (series, time), NaN where there is none
    fits.status, fits.certificate_nats, fits.log_posterior   # how each series came out, and its proof
    fits.mean(future_s)                                      # (series, time)
    fits.simulated_peaks(future_s, draws=1000, seed=1)       # (series, draws): highest value of each simulated future
    fits.quantiles(future_s, (0.1, 0.9), seed=1)             # (levels, series, time)
    fit(model, times_s, newer_values, warm=fits)             # the same answer, sooner

It needs numpy and numba and knows nothing of containers. What it covers of Prophet and how it works is told in
`docs/exact-prophet.md`.
"""

from foresize_forecast.exactprophet.fits import Fits, Status
from foresize_forecast.exactprophet.fitting import fit
from foresize_forecast.exactprophet.model import DAILY, WEEKLY, Model, Placement, Seasonality

__all__ = ["DAILY", "WEEKLY", "Fits", "Model", "Placement", "Seasonality", "Status", "fit"]
