"""Real Prometheus servers that want to know who asks, and that have certificates of an authority of their own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from foresize_dev import pki
from foresize_dev import prometheus as prometheuses
from foresize_forecast.prometheus import Refusal, RefusalKind, Source
from foresize_forecast.prometheus.wire import Answer, Connection
from prometheus.lies import serving

FIRST = "$2b$04$abcdefghijklmnopqrstuuvybHXQqehXl2NdtAhT6BAmwe6EZ8HOi"
SECOND = "$2b$04$abcdefghijklmnopqrstuu0m4FNu/b0Ul0dVXpD5yXn5kdSneXCgS"
"""The passwords "first" and "second", as bcrypt writes them."""
QUERY = "vector(1)"


@dataclass(frozen=True)
class Guarded:
    """A server whose users are in a file that it reads anew, and the files of its clients."""

    source: Source
    files: Path
    web: Path

    def write(self, name: str, text: str) -> str:
        """A file of a client's; its path."""
        path = self.files / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Prometheus itself, with a certificate for localhost, asking for one of its clients, and for a user."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed (Debian package prometheus)")
    state = tmp_path_factory.mktemp("guarded")
    keys = state / "pki"
    pki.make_authorities(keys)
    pki.issue(keys, "server", "/CN=prometheus", ["DNS:localhost"])
    for name, authority in (("client", pki.AUTHORITY), ("stranger", pki.FRONT_AUTHORITY)):
        pki.issue(keys, name, f"/CN={name}", authority=authority)
    tls = {"cert_file": str(keys / "server.crt"), "key_file": str(keys / "server.key")}
    asks = {"client_ca_file": str(keys / "ca.crt"), "client_auth_type": "RequireAndVerifyClientCert"}
    web: dict[str, Any] = {"tls_server_config": {**tls, **asks}, "basic_auth_users": {"foresize": FIRST}}
    server = prometheuses.start(state, prometheuses.Options(web=web))
    source = Source(
        f"https://localhost:{server.port}",
        ca_file=str(keys / "ca.crt"),
        certificate_file=str(keys / "client.crt"),
        key_file=str(keys / "client.key"),
        retries=0,
        timeout_s=10,
    )
    made = Guarded(source, state / "files", state / "prometheus" / "web.json")
    source = replace(
        source, user_file=made.write("user", "foresize\n"), password_file=made.write("password", "first\n")
    )
    try:
        yield replace(made, source=source)
    finally:
        server.stop()


def asked(source: Source) -> Answer | Refusal:
    with Connection(source) as connection:
        return connection.instant(QUERY, time.time())


def refused(source: Source) -> Refusal:
    answer = asked(source)
    assert isinstance(answer, Refusal)
    return answer


def test_tls_a_client_certificate_and_a_password_together(guarded: Guarded) -> None:
    """A Prometheus with an authority of its own, that wants a certificate and a user of its clients, answers."""
    answer = asked(guarded.source)

    assert isinstance(answer, Answer), answer
    assert 1 == len(answer.series)


def test_a_password_that_was_changed_is_sent_from_the_next_request_on(guarded: Guarded) -> None:
    """One connection, three requests: known, refused when the server has another password, known with the new file."""
    before = guarded.web.read_text()
    with Connection(guarded.source) as connection:
        assert isinstance(connection.instant(QUERY, time.time()), Answer)
        try:
            guarded.web.write_text(before.replace(FIRST, SECOND))
            refusal = connection.instant(QUERY, time.time())
            assert isinstance(refusal, Refusal)
            assert RefusalKind.UNAUTHORIZED == refusal.kind
            assert guarded.source.password_file
            assert f"the password in {guarded.source.password_file}" in refusal.message
            assert "first" not in refusal.message
            guarded.write("password", "second")
            assert isinstance(connection.instant(QUERY, time.time()), Answer)
        finally:
            guarded.web.write_text(before)
            guarded.write("password", "first")


def test_nobody_is_told_how_to_become_somebody(guarded: Guarded) -> None:
    """Without user and password the refusal names the settings, and the chart's values, that send them."""
    refusal = refused(replace(guarded.source, user_file=None, password_file=None))

    assert RefusalKind.UNAUTHORIZED == refusal.kind
    assert "no credentials were sent" in refusal.message
    assert "prometheus.basicAuthSecret" in refusal.message


def test_what_is_wrong_with_certificates_is_said(guarded: Guarded) -> None:
    """Another name, an unknown authority, none of ours, one of a stranger, no TLS: each says what to change."""
    source, keys = guarded.source, guarded.files.parent / "pki"
    cases = {
        "another name": replace(source, url=source.url.replace("localhost", "127.0.0.1")),
        "does not have its authority": replace(source, ca_file=str(keys / "front.crt")),
        "caConfigMap or caSecret) gives its authority": replace(source, ca_file=None),
        "prometheus.clientCertificateSecret) gives it": replace(source, certificate_file=None, key_file=None),
        "does it accept the certificate in": replace(
            source, certificate_file=str(keys / "stranger.crt"), key_file=str(keys / "stranger.key")
        ),
        "cannot be used": replace(source, key_file=str(keys / "stranger.key")),
        "was not asked": replace(source, ca_file=str(keys / "nobody.crt")),
    }
    for words, wrong in cases.items():
        refusal = refused(wrong)
        # Whether the server's alert is read before the connection is gone is chance.
        assert refusal.kind in {RefusalKind.UNTRUSTED, RefusalKind.UNREACHABLE}, refusal
        assert words in refusal.message, refusal
    plain = refused(replace(source, url=source.url.replace("https", "http")))
    assert "give its address with https://" in plain.message


def test_no_tls_where_tls_is_asked_for() -> None:
    """An https address of a server that speaks plain HTTP says so."""
    with serving() as liar:
        refusal = refused(Source(liar.url.replace("http:", "https:"), retries=0, timeout_s=5))

    assert RefusalKind.UNTRUSTED == refusal.kind
    assert "does not speak TLS" in refusal.message


def test_headers_and_tenant_are_sent(tmp_path: Path) -> None:
    """Each file of a folder is a header, the tenant one more; Kubernetes' own files in a Secret are left out."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "X-Api-Key").write_text("k1\n")
    with serving() as liar:
        source = Source(liar.url, headers_folder=str(tmp_path), tenant="shop", retries=0, timeout_s=5)
        asked(source)
        (tmp_path / "X-Api-Key").write_text("k2\n")
        asked(source)

    assert [("k1", "shop"), ("k2", "shop")] == [(each["X-Api-Key"], each["X-Scope-OrgID"]) for each in liar.sent]


@pytest.mark.parametrize(
    ("name", "content"), [("X-Key", b"a\nHost: evil"), ("X-Key", b"\xff\xfe"), ("X Key", b"a"), ("X-Key", "é".encode())]
)
def test_what_no_header_can_hold_is_not_sent(tmp_path: Path, name: str, content: bytes) -> None:
    """A header that would be taken for two, or is none, refuses the request; its value is in no message."""
    (tmp_path / name).write_bytes(content)
    with serving() as liar:
        refusal = refused(Source(liar.url, headers_folder=str(tmp_path), timeout_s=5))

    assert RefusalKind.UNAUTHORIZED == refusal.kind
    assert str(tmp_path) in refusal.message
    assert "evil" not in refusal.message
    assert [] == liar.sent
