"""How drawn examples are drawn: the same on every run, so that what fails is what was changed."""

import os

from hypothesis import HealthCheck, settings

# No example fails for taking long: machines are busy with other things.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("others", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile(os.environ.get("FORESIZE_EXAMPLES", "same"))
