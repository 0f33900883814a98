"""A real nginx with sites that are well and sites that are not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.layers.app.authority import NAME, Authority, Issued, issue, keep

SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"

_PLAIN = """
server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "here"; }}
    location /busy {{ return 503; }}
    location /gone {{ return 404; }}
    location /private {{ return 401; }}
    location /moved {{ return 301 https://other.example/new; }}
    location /around {{ return 302 /around; }}
}}
"""

_SECURE = """
server {{
    listen 127.0.0.1:{port} ssl;
    server_name {name};
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols {versions};
    {more}
    location / {{ return 200 "here"; }}
    location /down {{ return 302 http://$host/; }}
}}
"""

_WHOLE = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/a;
    proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d;
    scgi_temp_path {folder}/e;
    {sites}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Site -> port."""

    ports: dict[str, int]

    def url(self, site: str, path: str = "/") -> str:
        """By the name that the certificates are for; to be connected to at 127.0.0.1."""
        return f"{'http' if site == 'plain' else 'https'}://{NAME}:{self.ports[site]}{path}"


def certificates(made: Authority) -> dict[str, Issued]:
    """Site -> what it shows."""
    stranger = issue("A stranger's root", authority=True)
    good = (NAME, "*.wild.example", "127.0.0.1")
    return {
        "good": issue(NAME, made.intermediate, names=good),
        "leaf-only": issue(NAME, made.intermediate, names=good),
        "soon": issue(NAME, made.intermediate, names=good, days=(-80, 5.5)),
        "expired": issue(NAME, made.intermediate, names=good, days=(-90, -12.5)),
        "early": issue(NAME, made.intermediate, names=good, days=(3.5, 90)),
        "other-name": issue("other.example", made.intermediate, names=("other.example", "www.other.example")),
        "expired-other": issue("old.example", made.intermediate, names=("old.example",), days=(-90, -1.5)),
        "nameless": issue(NAME, made.intermediate),
        "self-signed": issue(NAME, names=good),
        "stranger": replace(issue(NAME, stranger, names=good), above=(stranger.certificate,)),
        "wants-certificate": issue(NAME, made.intermediate, names=good),
        "old-tls": issue(NAME, made.intermediate, names=good),
        "rejects": issue(NAME, made.intermediate, names=good),
        "strict": issue(NAME, made.intermediate, names=good),
    }


def _more(site: str, made: Authority) -> str:
    return {
        "wants-certificate": f"ssl_verify_client on; ssl_client_certificate {made.path};",
        "old-tls": "ssl_ciphers ALL:@SECLEVEL=0;",
        "rejects": "ssl_reject_handshake on;",
        "strict": "add_header Strict-Transport-Security max-age=3600;",
    }.get(site, "")


@contextmanager
def nginx(folder: Path, made: Authority) -> Iterator[Web]:
    """It serves until the end of the block.

    Its sockets are opened here and given to it as to a newer nginx that takes over (the variable NGINX), so that they
    take connections from the start and nobody has to wait.
    """
    program = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + SBIN)
    assert program, "nginx is not installed: make servers"
    with ExitStack() as opened:
        issued = certificates(made)
        sockets = {site: opened.enter_context(_listener()) for site in ("plain", *issued)}
        ports = {site: int(one.getsockname()[1]) for site, one in sockets.items()}
        sites = [_PLAIN.format(port=ports["plain"])]
        for site, certificate in issued.items():
            chain, key = keep(folder, site, certificate, whole=site != "leaf-only")
            more = _more(site, made)
            versions = "TLSv1.1" if site == "old-tls" else "TLSv1.2 TLSv1.3"
            where = {"port": ports[site], "name": NAME, "chain": chain, "key": key}
            sites.append(_SECURE.format(**where, versions=versions, more=more))
        settings = folder / "nginx.conf"
        settings.write_text(_WHOLE.format(folder=folder, sites="".join(sites)))
        given = [one.fileno() for one in sockets.values()]
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(settings), "-e", str(folder / "error.log")],
            pass_fds=given,
            env=os.environ | {"NGINX": "".join(f"{one};" for one in given)},
            stdin=subprocess.DEVNULL,
        )
        # They are nginx's now: where it dies, they are closed and nobody waits.
        for one in sockets.values():
            one.close()
        try:
            yield Web(ports=ports)
        finally:
            process.terminate()
            process.wait()


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=64)
