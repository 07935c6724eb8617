# The operator's image: what requirements.lock names and this project, in a virtual environment, on a small glibc Python
# (prophet has no wheels for musl).

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/foresize
WORKDIR /src
# First the dependencies, which change less often. Each file must have one of the lock's hashes, and nothing beyond the lock is
# installed; `make lock` renews it.
COPY requirements.lock .
RUN /opt/foresize/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
# Then the project, without any choice of its own. Its build tool is only in this stage.
RUN python -m pip install hatchling
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY forecaster forecaster
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/foresize/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/foresize/bin/pip check \
 && /opt/foresize/bin/python -m pip uninstall --yes pip
# Last, the forecasts' machine code, for the paths that it is run from. It is for this processor: where the image runs on
# another kind, the first forecasts compile it again (some 25 s, in the workers) and keep it in /tmp.
RUN NUMBA_CACHE_DIR=/opt/foresize/numba PYTHONDONTWRITEBYTECODE=1 /opt/foresize/bin/python -m foresize_forecast.warmup

FROM python:3.13-slim
LABEL org.opencontainers.image.title="foresize" \
      org.opencontainers.image.description="Sizes container memory from forecasts" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/foresize /opt/foresize
# The root may be read-only; only /tmp is written to.
ENV PATH=/opt/foresize/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/opt/foresize/numba
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["foresize"]
CMD ["run"]
