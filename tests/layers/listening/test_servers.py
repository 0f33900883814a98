from __future__ import annotations

import pytest

from pathprobe.layers.listening.cgroup import Container, Unit
from pathprobe.layers.listening.facts import Process
from pathprobe.layers.listening.servers import _PROGRAMS, _WORDS, again, steps_out_of


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
    assert line in steps_out_of("127.0.0.1", holder, port)


def test_the_steps_are_look_write_check_restart() -> None:
    assert steps_out_of("127.0.0.1", process("nginx", unit="nginx.service"), 8080) == (
        "grep -rnF 127.0.0.1 /etc/nginx",
        "# write instead: listen 8080;",
        "nginx -t",
        "systemctl restart nginx.service",
    )


@pytest.mark.parametrize("name", [*_PROGRAMS, *_WORDS])
def test_every_line_of_the_table_can_be_filled_in(name: str) -> None:
    steps = (*steps_out_of("127.0.0.1", process(name), 80), *steps_out_of("127.0.0.1", process("python3", name), 80))
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
