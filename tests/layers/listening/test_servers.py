from __future__ import annotations

import pytest

from pathprobe.layers.listening.cgroup import Container, Unit
from pathprobe.layers.listening.facts import Process
from pathprobe.layers.listening.servers import _PROGRAMS, _WORDS, again, checked_and_restarted, steps_out_of
from tests.layers.listening.factories import socket


def process(name: str, command: str = "", unit: str | None = None) -> Process:
    return Process(pid=7, name=name, command=command, home=Unit(name=unit) if unit else None)


@pytest.mark.parametrize(
    ("holder", "port", "line"),
    [
        (process("nginx"), 8080, "# write instead: listen 8080;"),
        (process("postgres"), 5432, "# write instead: listen_addresses = '*'"),
        (process("redis-server"), 6379, "# write instead: bind * -::*"),
        (process("mysqld"), 3306, "# write instead: bind-address = 0.0.0.0"),
        (process("mongod"), 27017, "# write instead: bindIp: 0.0.0.0"),
        (process("named"), 53, "# write instead: listen-on { any; };"),
        (process("sshd", "sshd: /usr/sbin/sshd -D"), 22, "# write instead: ListenAddress 0.0.0.0"),
        (process("sshd", "sshd: ann@pts/0"), 9000, "# write instead: GatewayPorts clientspecified"),
        (process("gunicorn"), 8000, "# make gunicorn listen on 0.0.0.0:8000 instead of 127.0.0.1:8000"),
        (process("python3", "python3 /usr/bin/gunicorn app"), 8000, "# python3: --bind 0.0.0.0:8000"),
        (process("python3", "python3 manage.py runserver"), 8000, "# python3: runserver 0.0.0.0:8000"),
        (
            process("java", "java -cp x kafka.Kafka server.properties"),
            9092,
            "# write instead: listeners=PLAINTEXT://0.0.0.0:9092",
        ),
        (
            process("shopd", "/opt/shopd -v"),
            80,
            "# make shopd listen on 0.0.0.0:80 instead of 127.0.0.1:80: /opt/shopd -v",
        ),
    ],
)
def test_the_line_to_write_is_the_servers_own(holder: Process, port: int, line: str) -> None:
    assert line in steps_out_of(socket("127.0.0.1", holder, port=port), holder)


def test_the_steps_are_look_write_check_restart() -> None:
    nginx = process("nginx", unit="nginx.service")
    assert (*steps_out_of(socket("127.0.0.1"), nginx), *checked_and_restarted([nginx], 8080)) == (
        "grep -rnF 127.0.0.1 /etc/nginx",
        "# write instead: listen 8080;",
        "nginx -t",
        "systemctl restart nginx.service",
    )


@pytest.mark.parametrize(
    ("holder", "line"),
    [
        (process("nginx"), "listen [::]:8080;"),
        (process("postgres"), "listen_addresses = '*'"),
        (process("redis-server"), "bind * -::*"),
        (process("mysqld"), "bind-address = ::"),
        (process("node"), "server.listen(8080, '::')"),
        (process("named"), "listen-on-v6 { any; };"),
        (process("beam.smp"), "listeners.tcp.default = [::]:8080"),
        (process("etcd"), "--listen-client-urls=http://[::]:8080"),
        (process("caddy"), "bind 0.0.0.0 [::]"),
        (process("envoy"), 'socket_address: { address: "::", port_value: 8080 }'),
        (process("memcached"), "-l ::"),
        (process("unbound"), "interface: ::"),
        (process("java", "java org.elasticsearch.bootstrap.Elasticsearch"), 'network.host: "::"'),
        (process("ruby", "ruby bin/rails server"), "--binding '[::]'"),
        (process("python3", "python3 -m http.server"), "--bind ::"),
        (process("python3", "python3 /usr/bin/gunicorn app"), "--bind [::]:8080"),
        (process("python3", "python3 manage.py runserver"), "runserver [::]:8080"),
        (process("docker-proxy", "docker-proxy -container-port 80"), "publish with -p [::]:8080:80 as well"),
    ],
)
def test_the_line_for_ipv6_is_another(holder: Process, line: str) -> None:
    """By the manuals: an address of IPv6 in brackets before a port, as it is alone; or a word of its own."""
    missing = steps_out_of(socket("0.0.0.0"), holder, missing=6)[-1]
    assert missing.endswith(f": {line}")
    assert steps_out_of(socket("::1"), holder)[-1].endswith(f": {line}")
    assert steps_out_of(socket("127.0.0.1"), holder, version=6)[-1].endswith(f": {line}")


@pytest.mark.parametrize("name", [*_PROGRAMS, *_WORDS])
def test_every_line_of_the_table_can_be_filled_in(name: str) -> None:
    for holder in (process(name), process("python3", name)):
        steps = (*steps_out_of(socket("127.0.0.1"), holder), *steps_out_of(socket("::1"), holder))
        assert not any("{port}" in step or "{{" in step for step in steps)


@pytest.mark.parametrize(
    ("home", "commands"),
    [
        (Unit(name="a.service"), ("systemctl restart a.service",)),
        (Unit(name="a.service", user=1000), ("systemctl --user restart a.service",)),
        (Unit(name="a;reboot.service"), ("systemctl restart 'a;reboot.service'",)),
        (Unit(name="session-3.scope"), ()),
        (Container(engine="docker", id="1", name="web"), ("docker restart web",)),
        (Container(engine="containerd", id="1"), ()),
        (None, ()),
    ],
)
def test_a_restart_goes_by_whoever_runs_it(home: Unit | Container | None, commands: tuple[str, ...]) -> None:
    assert again(home) == commands
