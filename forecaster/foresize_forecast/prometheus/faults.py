"""What went wrong with a connection, in words that say what to change. Pure: from errors and answers to refusals."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import ReadTimeoutError

from foresize_forecast.prometheus.credentials import is_sent
from foresize_forecast.prometheus.source import RefusalKind, Source

NAMES_DIFFER = {62, 63, 64}
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH, EMAIL_MISMATCH and IP_ADDRESS_MISMATCH."""
OUT_OF_TIME = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and CERT_HAS_EXPIRED."""
OURS_REFUSED = ("ALERT_CERTIFICATE_REQUIRED", "ALERT_UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED")
"""What a server says, after the handshake or in it, to a client whose certificate it wants and does not get."""
ENDED = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError)
"""What is left of such an alert where the connection is gone before it is read."""
PLAIN_TO_TLS = "HTTP request to an HTTPS server"
"""Go's own words, whatever is written in it: Prometheus, Thanos, Mimir, VictoriaMetrics."""
NO_TENANT = ("no org id", "org ID")
"""Mimir's and Cortex' words where many share it."""
CA, OWN = (
    "--prometheus-ca-file (prometheus.caConfigMap or caSecret)",
    "--prometheus-certificate-file (prometheus.clientCertificateSecret)",
)
WHO = "--prometheus-token-file (prometheus.tokenSecret) or --prometheus-user-file (prometheus.basicAuthSecret)"
TENANT = "--prometheus-tenant (prometheus.tenant)"


def broken(error: OSError, source: Source) -> tuple[RefusalKind, str]:
    """What a connection that failed says; requests' errors are OSErrors."""
    cause = error.args[0] if error.args else error
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return RefusalKind.TIMEOUT, f"gave no full answer within {source.timeout_s:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return RefusalKind.BAD_ANSWER, "broke off its answer"
    ended = next((each for each in _causes(error) if isinstance(each, ENDED)), None)
    if ended is not None and source.url.startswith("https:"):
        return RefusalKind.UNREACHABLE, f"ended the connection ({ended}); {_ours(source)}"
    told = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
    if told is not None:
        return RefusalKind.UNTRUSTED, _of_tls(told, source)
    if (
        "TLS CA certificate bundle" in str(error)
        or "TLS certificate file" in str(error)
        or "TLS key file" in str(error)
    ):
        return RefusalKind.UNTRUSTED, f"was not asked: {error}"
    words = str(getattr(cause, "reason", cause)).rpartition(": ")[2]
    return RefusalKind.UNREACHABLE, f"cannot be reached ({words or type(error).__name__})"


def advice(status: int, text: str, source: Source) -> str:
    """What to change after such an answer; empty where nothing is known."""
    if PLAIN_TO_TLS in text:
        return "; give its address with https://"
    if status == 401 and any(words in text for words in NO_TENANT):  # noqa: PLR2004 - HTTP's
        return f"; it holds many tenants: say which with {TENANT}"
    if status == 401:  # noqa: PLR2004
        return f"; {_what(source)}" if is_sent(source) else f"; no credentials were sent: {WHO} gives them"
    if status == 403:  # noqa: PLR2004
        return f"; who asks is {'known' if is_sent(source) else 'not told'} and may not query: grant that there"
    if status in {404, 405}:
        return "; is this the address in front of /api/v1?"
    return ""


def _what(source: Source) -> str:
    """Which credentials were refused, by their files."""
    if source.token_file:
        return f"check the token in {source.token_file}: it may have run out"
    if source.user_file:
        return f"check the user in {source.user_file} and the password in {source.password_file}"
    if source.headers_folder:
        return f"check the headers in {source.headers_folder}"
    return "check the user and password in the address"


def _of_tls(error: ssl.SSLError, source: Source) -> str:
    code, reason = getattr(error, "verify_code", 0), error.reason or str(error)
    said = getattr(error, "verify_message", "").rstrip(".") or reason
    if code in NAMES_DIFFER:
        return f"has a certificate of another name ({said}); give its address by a name in the certificate"
    if code in OUT_OF_TIME:
        return f"has a certificate that is not good now ({said}); renew it there"
    if code or reason == "CERTIFICATE_VERIFY_FAILED":
        given = f"{source.ca_file} does not have its authority" if source.ca_file else f"{CA} gives its authority"
        return f"has a certificate of an unknown authority ({said}); {given}"
    if any(words in reason for words in OURS_REFUSED):
        return f"refused the connection ({reason}); {_ours(source)}"
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return f"does not speak TLS ({reason}); give its address with http://"
    if reason in {"KEY_VALUES_MISMATCH", "NO_START_LINE", "PEM_LIB"} or "PEM" in reason:
        return f"was not asked: the certificate and key of this side, or the authorities, cannot be used ({reason})"
    return f"could not agree on TLS ({reason})"


def _ours(source: Source) -> str:
    """What to do about the certificate of this side."""
    if source.certificate_file:
        return f"does it accept the certificate in {source.certificate_file}?"
    return f"if it wants its clients to show a certificate, {OWN} gives it"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what is wrapped in it: requests wraps urllib3's, which wraps Python's."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        waiting += [each for each in wrapped if isinstance(each, BaseException)]
