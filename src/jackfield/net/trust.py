"""Which certificate authorities a connection trusts, by the variables of a given environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.errors import RequestError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_EXTRA = "NODE_EXTRA_CA_CERTS"
# For interpreters that were built elsewhere: Debian and Arch, Fedora, openSUSE, Alpine and macOS.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def tls_context(env: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names, TLS 1.2 or newer.

    The first of these that is set replaces the system's authorities: `SSL_CERT_FILE` and `SSL_CERT_DIR` together (as
    in OpenSSL), `REQUESTS_CA_BUNDLE` (a file or a folder), `CURL_CA_BUNDLE` (a file). `NODE_EXTRA_CA_CERTS` (a file)
    adds to whatever they gave.

    Raises:
        RequestError: `net.ca-file`, naming the variable, when what it names cannot be read or holds no certificate,
            or when nothing is set and the system has no bundle.
    """
    import ssl

    # Not ssl.create_default_context: that reads SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE from the process.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    replaced = False
    for names in (("SSL_CERT_FILE", "SSL_CERT_DIR"), ("REQUESTS_CA_BUNDLE",), ("CURL_CA_BUNDLE",)):
        given = [name for name in names if env.get(name)]
        for name in given:
            _load(context, name, env[name])
        if given:
            replaced = True
            break
    if not replaced:
        _load_system(context)
    if env.get(_EXTRA):
        _load(context, _EXTRA, env[_EXTRA])
    return context


def _load(context: ssl.SSLContext, variable: str, value: str) -> None:
    import ssl

    try:
        if variable == "SSL_CERT_DIR":
            for folder in value.split(os.pathsep):
                _load_folder(context, Path(folder))
        elif variable == "REQUESTS_CA_BUNDLE" and Path(value).is_dir():
            _load_folder(context, Path(value))
        else:
            context.load_verify_locations(cafile=value)
    except ssl.SSLError:
        reason = "holds no certificate in PEM form"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    else:
        return
    message = f"What the variable {variable} names {reason}."
    raise RequestError(message, code="net.ca-file", fix=f"Correct {variable} or unset it.")


def _load_folder(context: ssl.SSLContext, path: Path) -> None:
    # OpenSSL looks into the folder at each handshake only, and takes one that is missing for an empty one.
    next(path.iterdir(), None)
    context.load_verify_locations(capath=str(path))


def _load_system(context: ssl.SSLContext) -> None:
    import ssl

    compiled = ssl.get_default_verify_paths()
    folder = Path(compiled.openssl_capath)
    if folder.is_dir():
        context.load_verify_locations(capath=str(folder))
    for bundle in (compiled.openssl_cafile, *_SYSTEM_BUNDLES):
        if Path(bundle).is_file():
            context.load_verify_locations(cafile=bundle)
            return
    if not folder.is_dir() or next(folder.iterdir(), None) is None:
        message = "This system has no bundle of certificate authorities."
        raise RequestError(message, code="net.ca-file", fix="Set SSL_CERT_FILE to a PEM file.")
