"""Certificates of a cluster, made by openssl: one authority for everything, one more for the aggregation layer."""

import base64
import subprocess
from collections.abc import Sequence
from pathlib import Path

AUTHORITY = "ca"
FRONT_AUTHORITY = "front"  # signs what the API server shows to aggregated APIs
ACCOUNT_KEY = "sa"  # signs tokens of ServiceAccounts
DAYS_VALID = "30"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def make_authorities(folder: Path) -> None:
    """Write both authorities and the key pair that signs ServiceAccount tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (AUTHORITY, FRONT_AUTHORITY):
        _certificate(folder, name, f"/CN={name}", ["basicConstraints=critical,CA:true"], signer=())
    private, public = folder / f"{ACCOUNT_KEY}.key", folder / f"{ACCOUNT_KEY}.pub"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private)
    _openssl("ec", "-in", private, "-pubout", "-out", public)


def issue(folder: Path, name: str, subject: str, names: Sequence[str] = (), authority: str = AUTHORITY) -> None:
    """Write `<name>.crt` and `<name>.key` for a server or a client.

    Args:
        folder: where the authorities are.
        name: of the files.
        subject: like /O=group/CN=user, which is how Kubernetes knows who a client is.
        names: alternative names like DNS:localhost or IP:127.0.0.1.
        authority: who signs.
    """
    extensions = ["basicConstraints=critical,CA:false", "extendedKeyUsage=serverAuth,clientAuth"]
    if names:
        extensions.append("subjectAltName=" + ",".join(names))
    signer = ("-CA", folder / f"{authority}.crt", "-CAkey", folder / f"{authority}.key")
    _certificate(folder, name, subject, extensions, signer)


def write_kubeconfig(target: Path, pki: Path, server: str, user: dict[str, str]) -> None:
    """Write a kubeconfig of one context; JSON is YAML, and needs no library.

    Args:
        target: the file.
        pki: folder of the authority that signed the server's certificate.
        server: URL of the API server.
        user: as in a kubeconfig: a token, or the data of a client certificate.
    """
    pairs = ", ".join(f'"{key}": "{value}"' for key, value in user.items())
    target.touch(mode=0o600)
    target.write_text(
        '{"apiVersion": "v1", "kind": "Config", "current-context": "foresize-dev",\n'
        ' "contexts": [{"name": "foresize-dev", "context": {"cluster": "foresize-dev", "user": "user"}}],\n'
        f' "clusters": [{{"name": "foresize-dev", "cluster": {{"server": "{server}",'
        f' "certificate-authority-data": "{_encoded(pki / "ca.crt")}"}}}}],\n'
        f' "users": [{{"name": "user", "user": {{{pairs}}}}}]}}\n'
    )


def certificate_user(pki: Path, name: str) -> dict[str, str]:
    """A kubeconfig's user who shows the certificate `name`."""
    return {
        "client-certificate-data": _encoded(pki / f"{name}.crt"),
        "client-key-data": _encoded(pki / f"{name}.key"),
    }


def _certificate(
    folder: Path, name: str, subject: str, extensions: Sequence[str], signer: Sequence[str | Path]
) -> None:
    # A configuration of our own: the system's would add extensions of its own.
    config = folder / f"{name}.cnf"
    config.write_text(
        "\n".join(["[req]", "distinguished_name=dn", "x509_extensions=ext", "[dn]", "[ext]", *extensions])
    )
    made = ("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt")
    _openssl("req", "-x509", "-config", config, "-days", DAYS_VALID, "-subj", subject, *KEY, *signer, *made)


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
