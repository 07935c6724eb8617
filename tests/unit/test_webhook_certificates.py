"""The webhook's own certificates: when they change over, and that no moment is without one that is believed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from foresize.webhook.certificates import Kept, Pair, expires_s, made, read, renewed, starts_s, trusted, written

NAMES = ("foresize-webhook.foresize.svc",)
NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
LIFE_S = 90 * DAY_S
START_S = NOW_S - 4.5 * DAY_S
"""A twentieth of 90 days before it was made."""


def verify(pair: Pair, authorities: tuple[bytes, ...], at_s: float, name: str = NAMES[0]) -> None:
    """As a client does that is told these authorities; raises where it would not connect."""
    store = Store([x509.load_pem_x509_certificate(each) for each in authorities])
    policy = PolicyBuilder().store(store).time(datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None))
    policy.build_server_verifier(x509.DNSName(name)).verify(x509.load_pem_x509_certificate(pair.certificate), [])


def first() -> Kept:
    """What is kept after the first look."""
    return renewed(Kept(), (), NAMES, LIFE_S, NOW_S)


def test_a_client_that_is_told_the_authority_believes_the_certificate() -> None:
    """For its own name, from a clock that is days behind until its end, and by no other authority."""
    pair, authority = made(NAMES, LIFE_S, NOW_S)

    for at_s in (START_S + 1, NOW_S, START_S + LIFE_S - 1):
        verify(pair, (authority,), at_s)
    for at_s, name in ((START_S - 1, NAMES[0]), (START_S + LIFE_S + 1, NAMES[0]), (NOW_S, "other.foresize.svc")):
        with pytest.raises(x509.verification.VerificationError):
            verify(pair, (authority,), at_s, name)
    with pytest.raises(x509.verification.VerificationError):
        verify(pair, (made(NAMES, LIFE_S, NOW_S)[1],), NOW_S)


def test_the_key_of_an_authority_is_kept_nowhere() -> None:
    """Of what is stored nothing can sign: two keys are there at most, those of the servers' certificates."""
    kept = renewed(first(), (), NAMES, LIFE_S, START_S + LIFE_S * 0.7)
    data = written(kept)

    assert [name for name, value in data.items() if b"PRIVATE" in value] == ["tls.key", "next.key"]
    assert all(not basic(each) for each in (data["tls.crt"], data["next.crt"]))
    assert kept.coming is not None


def basic(pem: bytes) -> bool:
    """Whether a certificate may sign others."""
    return x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_life_of_a_certificate() -> None:
    """Made and served at once; after two thirds the next is made, a little later served, its authority told before."""
    kept = first()
    assert kept.serving is not None
    assert kept.coming is None
    assert renewed(kept, kept.authorities, NAMES, LIFE_S, START_S + 59 * DAY_S) is kept

    # Two thirds of 90 days are 60.
    made_s = START_S + 60 * DAY_S
    coming = renewed(kept, kept.authorities, NAMES, LIFE_S, made_s)
    assert (coming.serving, coming.authorities[1:]) == (kept.serving, kept.authorities)
    assert coming.coming is not None
    # A twentieth of it is behind it when it is made, and a tenth when it is served: 4.5 days between.
    assert renewed(coming, coming.authorities, NAMES, LIFE_S, made_s + 4.4 * DAY_S) is coming
    assert renewed(coming, kept.authorities, NAMES, LIFE_S, made_s + 4.6 * DAY_S) is coming, "not told yet"
    served = renewed(coming, coming.authorities, NAMES, LIFE_S, made_s + 4.6 * DAY_S)
    assert (served.serving, served.coming) == (coming.coming, None)
    assert served.authorities == coming.authorities, "the old one has not expired: a slow replica may still show it"

    # The old one ends after 90 days, and is forgotten when the next is made.
    later = renewed(served, served.authorities, NAMES, LIFE_S, made_s + 60 * DAY_S)
    assert kept.authorities[0] not in later.authorities
    assert len(later.authorities) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"tls.crt": b""}, id="no certificate"),
        pytest.param({"tls.key": b"no key"}, id="no key"),
        pytest.param({"ca.crt": b""}, id="no authority"),
        pytest.param({"ca.crt": made(NAMES, LIFE_S, NOW_S)[1]}, id="an authority of another"),
        pytest.param({"tls.key": made(NAMES, LIFE_S, NOW_S)[0].key}, id="a key of another"),
        pytest.param({"tls.crt": b"", "tls.key": b"", "next.crt": b"", "next.key": b"", "ca.crt": b""}, id="nothing"),
    ],
)
def test_what_cannot_be_used_is_made_anew(change: dict[str, bytes]) -> None:
    """Whatever somebody did to the Secret, the next look makes a certificate that works."""
    kept = read({**written(first()), **change})
    assert kept.serving is None

    now = renewed(kept, (), NAMES, LIFE_S, NOW_S)
    assert now.serving is not None
    assert trusted(now.serving, now.authorities)


def test_another_name_or_a_long_sleep_makes_it_anew() -> None:
    """A renamed Service, or a cluster that was off for longer than a life, has a certificate at once."""
    kept = first()
    for names, now_s in ((("other.foresize.svc",), NOW_S), (NAMES, START_S + LIFE_S)):
        now = renewed(kept, kept.authorities, names, LIFE_S, now_s)

        assert now.serving is not None
        assert now.serving != kept.serving
        verify(now.serving, now.authorities, now_s, names[0])


def test_what_is_stored_is_what_is_read() -> None:
    """Nothing is due that was done a moment ago: a look after a look writes nothing."""
    kept = renewed(first(), (), NAMES, LIFE_S, START_S + LIFE_S * 0.7)

    assert read(written(kept)) == kept
    assert kept.serving is not None
    assert expires_s(kept.serving) == START_S + LIFE_S


def test_a_certificate_tells_from_when_to_when_it_is_good() -> None:
    """An alert compares what is left of its life with the whole of it; clocks may differ, so it begins before now."""
    kept = first()

    assert kept.serving is not None
    assert starts_s(kept.serving) <= START_S < expires_s(kept.serving)
