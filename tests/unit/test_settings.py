"""Settings of the operator, as who installs it writes them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from foresize.config.settings import FIELDS, Settings, SettingsProblem, markdown
from foresize_forecast.prometheus.promql import Matcher

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_nothing_set_is_enough_to_start() -> None:
    """An operator without any setting starts, reads no history, and looks every 15 seconds."""
    settings = Settings.from_environment({})

    assert Settings() == settings
    assert settings.source() is None
    assert 15 == settings.tick_s
    assert 1800 == settings.refit_interval_s
    assert () == settings.namespaces
    assert "foresize" == settings.operator_namespace
    assert settings.allow_kube_system is False


def test_the_documented_page_is_the_code() -> None:
    """docs/settings.md names every setting with the default that the operator really has."""
    assert PAGE.read_text() == markdown(), "run: python -m foresize.config.settings > docs/settings.md"


def test_every_setting_has_a_flag_a_variable_and_a_sentence() -> None:
    """No setting is without documentation, and no two share a name."""
    assert [each.name for each in fields(Settings)] == [each.name for each in FIELDS]
    assert len(FIELDS) == len({each.flag for each in FIELDS}) == len({each.env for each in FIELDS})
    for each in FIELDS:
        assert each.help.endswith("."), each.name
        assert each.allowed, each.name


def test_the_unit_is_in_the_value_not_in_the_name() -> None:
    """`tick_s` in the code is --tick and FORESIZE_TICK to people, who write 45s."""
    tick = next(each for each in FIELDS if each.name == "tick_s")

    assert ("--tick", "FORESIZE_TICK", "15s") == (tick.flag, tick.env, tick.default)
    assert 45 == Settings.from_environment({"FORESIZE_TICK": "45s"}).tick_s


def test_a_flag_wins_over_the_environment() -> None:
    """What is typed now wins over what was set before."""
    environ = {"FORESIZE_TICK": "20s", "FORESIZE_FIT_WORKERS": "4"}

    settings = Settings.from_environment(environ, {"tick_s": "30s"})

    assert (30, 4) == (settings.tick_s, settings.fit_workers)


def test_an_empty_value_is_the_default() -> None:
    """A chart may pass on values that its user left empty."""
    environ = {each.env: "" for each in FIELDS}

    assert Settings() == Settings.from_environment(environ, {each.name: " " for each in FIELDS})


def test_variables_of_no_setting_are_left_alone() -> None:
    """Kubernetes adds variables such as FORESIZE_PORT for a Service named foresize."""
    assert Settings() == Settings.from_environment({"FORESIZE_PORT": "tcp://10.0.0.7:8080", "PATH": "/bin"})


def test_everything_about_prometheus_reaches_its_source() -> None:
    """Address, token, authorities, matchers and patience are used as they are set."""
    source = Settings.from_environment(
        {
            "FORESIZE_PROMETHEUS_URL": "https://reader:secret@prometheus.example:9090/eu",
            "FORESIZE_PROMETHEUS_TOKEN_FILE": "/var/run/token",
            "FORESIZE_PROMETHEUS_CA_FILE": "/etc/ca.pem",
            "FORESIZE_PROMETHEUS_MATCHERS": 'cluster="eu",tenant=~"a|b"',
            "FORESIZE_PROMETHEUS_TIMEOUT": "1m",
        }
    ).source()

    assert source is not None
    assert "https://prometheus.example:9090/eu" == source.shown_url
    assert ("/var/run/token", "/etc/ca.pem", 60.0) == (source.token_file, source.ca_file, source.timeout_s)
    assert (Matcher("cluster", "=", "eu"), Matcher("tenant", "=~", "a|b")) == source.matchers


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("TICK", "20m", "FORESIZE_TICK: '20m' is not a duration from 1s to 10m, written like 30s or 1h30m"),
        ("TICK", "15", "FORESIZE_TICK: '15' is not a duration from 1s to 10m, written like 30s or 1h30m"),
        ("LEASE_DURATION", "3s", "FORESIZE_LEASE_DURATION: '3s' is not a duration from 4s to 10m"),
        ("FIT_WORKERS", "0", "FORESIZE_FIT_WORKERS: '0' is not a whole number from 1 to 64"),
        ("FIT_WORKERS", "two", "FORESIZE_FIT_WORKERS: 'two' is not a whole number from 1 to 64"),
        ("METRICS_PORT", "tcp://10.0.0.7:80", "FORESIZE_METRICS_PORT: 'tcp://10.0.0.7:80' is not a whole number"),
        ("PROBE_PORT", "65536", "FORESIZE_PROBE_PORT: '65536' is not a whole number from 0 to 65535"),
        ("NAMESPACES", "shop,Web", "FORESIZE_NAMESPACES: 'Web' is no namespace: 1 to 63 small letters, digits and -"),
        ("OPERATOR_NAMESPACE", "a/b", "FORESIZE_OPERATOR_NAMESPACE: 'a/b' is no namespace"),
        ("ALLOW_KUBE_SYSTEM", "maybe", "FORESIZE_ALLOW_KUBE_SYSTEM: 'maybe' is not true or false"),
        ("ENGINE", "ray", "FORESIZE_ENGINE: 'ray' is none of local or dask"),
        ("DASK_ADDRESS", "h:8786", "FORESIZE_DASK_ADDRESS: 'h:8786' is no address such as tcp://scheduler.dask:8786"),
        ("DASK_ADDRESS", "tcp://h", "FORESIZE_DASK_ADDRESS: 'tcp://h' is no address such as tcp://scheduler.dask:8786"),
        ("DASK_ADDRESS", "tcp://h:99999", "FORESIZE_DASK_ADDRESS: 'tcp://h:99999' is no address such as tcp://"),
        ("LOG_FORMAT", "xml", "FORESIZE_LOG_FORMAT: 'xml' is none of plain or json"),
        ("LOG_LEVEL", "loud", "FORESIZE_LOG_LEVEL: 'loud' is none of debug, info, warning or error"),
        (
            "PROMETHEUS_URL",
            "prometheus:9090",
            "FORESIZE_PROMETHEUS_URL: 'prometheus:9090' is no address such as http://",
        ),
        ("PROMETHEUS_URL", "http://p:99999", "FORESIZE_PROMETHEUS_URL: 'http://p:99999' is no address such as http://"),
        ("PROMETHEUS_MATCHERS", "cluster=eu", "FORESIZE_PROMETHEUS_MATCHERS: cannot read 'cluster=eu': matchers look"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, text: str, said: str) -> None:
    """The message holds the variable, the value and what may stand there."""
    with pytest.raises(SettingsProblem) as caught:
        Settings.from_environment({f"FORESIZE_{name}": text})

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("address", ["tcp://scheduler.dask:8786", "tls://10.0.0.7:8786", "tcp://[::1]:8786"])
def test_the_address_of_a_dask_scheduler_is_taken_as_it_is(address: str) -> None:
    """Names and numbers, with and without encryption."""
    settings = Settings.from_environment({"FORESIZE_ENGINE": "dask", "FORESIZE_DASK_ADDRESS": address})

    assert ("dask", address) == (settings.engine, settings.dask_address)


def test_a_bad_flag_is_named_as_a_flag() -> None:
    """Who typed --tick is told of --tick."""
    with pytest.raises(SettingsProblem, match=r"^--tick: 'soon' is not a duration"):
        Settings.from_environment({}, {"tick_s": "soon"})


@pytest.mark.parametrize("url", ["ftp://reader:secret@host:9090", "reader:secret@host:9090", "http://u:secret@h:0"])
def test_a_password_in_the_address_is_never_shown(url: str) -> None:
    """Neither an error nor a log line of the settings gives away the password."""
    with pytest.raises(SettingsProblem) as caught:
        Settings.from_environment({"FORESIZE_PROMETHEUS_URL": url})

    assert "secret" not in str(caught.value)
    good = Settings.from_environment({"FORESIZE_PROMETHEUS_URL": "http://reader:secret@host:9090"})
    assert "secret" not in repr(good)


def test_namespaces_are_a_list_with_commas() -> None:
    """Blanks and a comma at the end do no harm; the order does not matter."""
    assert ("shop", "web") == Settings.from_environment({"FORESIZE_NAMESPACES": "web, shop,"}).namespaces
