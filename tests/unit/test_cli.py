"""The command line: what it offers, how it refuses, and that nothing from a cluster can act on a terminal."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cliruns import cluster, said
from foresize.config.settings import FIELDS, PREFIX
from objectserver import Objects

ROOT = Path(__file__).parents[2]
FORECASTS = "/apis/foresize.dev/v1alpha1/namespaces/shop/memoryforecasts"
FORECAST = {
    "spec": {"workload": {"kind": "Deployment", "name": "web"}, "policy": "web"},
    "status": {
        "observedAt": "2027-01-15T08:00:00Z",
        "summary": {"state": "Sized"},
        "containers": [{"name": "app", "request": "100Mi", "limit": "200Mi", "reason": "WithinTolerance"}],
    },
}


def ran(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and errors of `foresize run` as a process: the client library reads KUBECONFIG when it is imported."""
    command = [sys.executable, "-m", "foresize.cli", "run", *arguments]
    paths = os.pathsep.join(str(ROOT / each) for each in ("operator", "forecaster"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "KUBECONFIG": str(kubeconfig)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_help_tells_every_setting(field: Any) -> None:
    """`foresize run --help` names each flag with its sentence, what may be written and the default."""
    words = " ".join(said("run", "--help").stdout.replace("│", " ").split())

    assert f"{field.flag} " in words
    assert " ".join(f"{field.help} {field.allowed[0].upper()}{field.allowed[1:]}.".split()) in words
    assert f"Default: {field.default or 'empty'}." in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--tick", "7"), "--tick: '7' is not a duration from 1s to 10m"),
        (("run", "--tik", "7s"), "No such option: --tik"),
        (("run", "--tick"), "requires an argument"),
        (("run", "now"), "unexpected extra argument"),
        (("go",), "No such command 'go'"),
        (("explain", "web"), "'web' is no workload: write NAMESPACE/NAME or NAMESPACE/KIND/NAME"),
        (("explain", "shop//web"), "'shop//web' is no workload"),
        (("replay", "/nowhere.csv"), "/nowhere.csv: No such file or directory"),
        (
            ("replay", "--prometheus", "prometheus:9090"),
            "--prometheus: Prometheus' URL must look like http://host:9090",
        ),
        (("replay", "--prometheus", "http://127.0.0.1:9", "a.csv"), "files or Prometheus are expected, not both"),
        (("replay", "--prometheus", "http://127.0.0.1:9", "--selector", "shop"), "--selector: cannot read 'shop'"),
        (("replay", "--track", "jobs"), "--track jobs: runs of Jobs are expected"),
        (("replay", "--policies", "vpa,vap"), "--policies: 'vap' is no policy; "),
        (("replay", "--min-days", "-1"), "--min-days: -1: days from 0 on are expected"),
        (("replay", "--selector", "{}"), "--selector: is for --prometheus"),
        (("replay", "--token-file", "t"), "--token-file: is for --prometheus"),
        (("ui", "--certificate-folder", "/nowhere"), "--certificate-folder: is for --shared"),
        (("replay", "--track", "node"), "--track: 'node' is no track; guaranteed, burstable, nodes or jobs are"),
    ],
)
def test_errors_of_use(arguments: tuple[str, ...], words: str) -> None:
    """They are a sentence, and exit code 2."""
    result = said(*arguments)

    assert 2 == result.exit_code
    assert words in result.stderr


def test_an_environment_that_cannot_be_used() -> None:
    """The variable is named, and the flag wins over it."""
    wrong = said("run", FORESIZE_TICK="soon", KUBECONFIG="/nowhere")
    right = said("run", "--tick", "15s", FORESIZE_TICK="soon", KUBECONFIG="/nowhere")

    assert (2, 1) == (wrong.exit_code, right.exit_code)
    assert f"{PREFIX}TICK: 'soon' is not a duration" in wrong.stderr


@pytest.mark.parametrize("content", ["{not: [yaml", "just text", "\x00", ""])
def test_a_kubeconfig_that_is_none(content: str, tmp_path: Path) -> None:
    """One sentence and exit code 1, whatever is in the file."""
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    result = said("explain", "shop/web", "--kubeconfig", str(path))

    assert 1 == result.exit_code
    assert "no cluster to talk to" in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize(
    ("given", "environment", "words"),
    [
        (("--kubeconfig", "/nowhere"), {}, "--kubeconfig: /nowhere: no such file"),
        ((), {"KUBECONFIG": "/nowhere:/neither"}, "/nowhere:/neither: no such file; KUBECONFIG or --kubeconfig names"),
        ((), {"KUBECONFIG": "", "HOME": "/nowhere"}, "~/.kube/config: no such file"),
    ],
)
def test_a_kubeconfig_that_is_not_there(given: tuple[str, ...], environment: dict[str, str], words: str) -> None:
    """The file is named that was looked for."""
    command = [sys.executable, "-m", "foresize.cli", "explain", "shop/web", *given]
    paths = os.pathsep.join(str(ROOT / each) for each in ("operator", "forecaster"))
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, **environment}
    ended = subprocess.run(command, env=known, capture_output=True, text=True, timeout=60, check=False)

    assert 1 == ended.returncode
    assert words in ended.stderr


def test_what_is_no_kubernetes(tmp_path: Path) -> None:
    """A web page for people, as of a proxy that wants a login, is said to be one, and not printed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # it refuses every method with a page
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with server, cluster(Objects(), tmp_path) as kubeconfig:
        known = json.loads(Path(kubeconfig).read_text())
        known["clusters"][0]["cluster"]["server"] = f"http://127.0.0.1:{server.server_port}"
        Path(kubeconfig).write_text(json.dumps(known))
        result = said("report", "--kubeconfig", kubeconfig)
        server.shutdown()

    assert 1 == result.exit_code
    assert "what answers for the API server sends a web page (501)" in result.stderr


def test_the_version_is_an_option_too() -> None:
    """People try `--version` first."""
    assert said("version").stdout == said("--version").stdout


def test_an_operator_without_a_cluster(tmp_path: Path) -> None:
    """It says so in one line, and ends with exit code 1."""
    (tmp_path / "kubeconfig").write_text("just text")
    code, words = ran(tmp_path / "kubeconfig")

    assert 1 == code
    assert words.startswith("foresize: no cluster to talk to: the kubeconfig cannot be read: ")
    assert 1 == len(words.splitlines())


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The operator does not start without its metrics; it says which port, and ends with exit code 1."""
    with cluster(Objects(), tmp_path) as kubeconfig, socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = ran(Path(kubeconfig), "--metrics-port", str(port))

    assert (1, f"foresize: port {port} cannot be served: Address already in use\n") == told


def test_explain(tmp_path: Path) -> None:
    """A workload's sizes in sentences, by its name, or by its kind and name."""
    objects = Objects()
    objects.put(f"{FORECASTS}/deployment-web", FORECAST)
    with cluster(objects, tmp_path) as kubeconfig:
        for name in ("shop/web", "shop/Deployment/web"):
            result = said("explain", name, "--kubeconfig", kubeconfig)

            assert 0 == result.exit_code
            assert "shop/Deployment/web under MemoryPolicy web, seen 2027-01-15T08:00:00Z: Sized" in result.stdout
            assert "app: request 100Mi, limit 200Mi" in result.stdout


def test_explain_of_what_is_not_there(tmp_path: Path) -> None:
    """Exit code 1 and where to look, also for names that are none."""
    with cluster(Objects(), tmp_path) as kubeconfig:
        for name in ("shop/web", "shop?limit=1/web", "../web", "shop/[bold]web"):
            result = said("explain", name, "--kubeconfig", kubeconfig)

            assert (1, "") == (result.exit_code, result.stdout)
            assert f"{name.split('/')[0]} has no MemoryForecast of {name.split('/')[1]}" in result.stderr


def test_what_a_cluster_says_is_shown_as_it_is(tmp_path: Path) -> None:
    """Escape sequences and markup in a status act on no terminal: they are blanks, and text."""
    objects = Objects()
    row = {"name": "app", "reason": "[red]Held[/]", "message": "held \x1b[2J\x07by [link=http://x]y[/link]\nnow"}
    objects.put(f"{FORECASTS}/deployment-web", {**FORECAST, "status": {"containers": [row]}})
    with cluster(objects, tmp_path) as kubeconfig:
        result = said("explain", "shop/web", "--kubeconfig", kubeconfig)

    assert "  why: [red]Held[/]: held  [2J by [link=http://x]y[/link] now\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_explain_of_half_a_status(tmp_path: Path) -> None:
    """A status that a person has cut short is told as far as it goes."""
    objects = Objects()
    row = {"name": "app", "peak": "90Mi", "blocked": {}, "lastChange": {}, "kills": [{}], "plan": [{}]}
    objects.put(f"{FORECASTS}/deployment-web", {**FORECAST, "status": {"containers": [row]}})
    with cluster(objects, tmp_path) as kubeconfig:
        assert 0 == said("explain", "shop/web", "--kubeconfig", kubeconfig).exit_code


def test_a_trace_with_markup_in_its_name(tmp_path: Path) -> None:
    """A file is called what it is called, in the table's heading as well."""
    path = tmp_path / "[red]trace.csv"
    rows = [f"{1_800_000_000 + 300 * number},{100 + number % 7}" for number in range(576)]
    path.write_text("\n".join(["time,app", *rows]))
    result = said("replay", str(path), "--policies", "static", "--min-days", "1")

    assert 0 == result.exit_code, result.stderr
    assert "[red]trace: 1 series" in result.stdout
