"""A real gRPC server with health and reflection, as a process of its own: ``python -m tests.layers.app.grpc_server``.

Of its own, because grpcio's threads would keep this process from building labs. It prints its ports, and ends with its
standard input. Arguments: the files of a chain and a key.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

SITES = ("healthy", "sick", "bare", "healthy-tls")


def main() -> None:
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    chain, key = (Path(one).read_bytes() for one in sys.argv[1:])
    secure = grpc.ssl_server_credentials([(key, chain)])
    servers, ports = [], []
    for site in SITES:
        server = grpc.server(futures.ThreadPoolExecutor(2))
        if site != "bare":
            servicer = health.HealthServicer()
            status = health_pb2.HealthCheckResponse
            servicer.set("", status.NOT_SERVING if site == "sick" else status.SERVING)
            servicer.set("shop.Basket", status.NOT_SERVING)
            health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
            reflection.enable_server_reflection(
                ("grpc.health.v1.Health", "shop.Basket", reflection.SERVICE_NAME), server
            )
        address = "127.0.0.1:0"
        ports.append(server.add_secure_port(address, secure) if "tls" in site else server.add_insecure_port(address))
        server.start()
        servers.append(server)
    print(*ports, flush=True)
    sys.stdin.read()
    for server in servers:
        server.stop(None).wait()


@contextmanager
def grpc_servers(chain: Path, key: Path, environment: dict[str, str]) -> Iterator[dict[str, int]]:
    """Site -> port."""
    command = [sys.executable, "-m", "tests.layers.app.grpc_server", str(chain), str(key)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout
        assert process.stdin
        try:
            ports = process.stdout.readline().split()
            assert len(ports) == len(SITES)
            yield dict(zip(SITES, map(int, ports), strict=True))
        finally:
            process.stdin.close()


if __name__ == "__main__":
    main()
