"""The TLS of all clients: certificates are checked, and nothing below TLS 1.2 is spoken."""

import ssl

import httpx


def tls_context() -> ssl.SSLContext:
    """Trusts certifi's authorities, or those of `SSL_CERT_FILE` or `SSL_CERT_DIR` where the environment names some."""
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
