"""Forms of /proc/PID/cgroup as systemd, Docker, Podman, containerd, CRI-O, LXC and LXD make them."""

from __future__ import annotations

import pytest

from pathprobe.layers.listening.cgroup import Container, Home, Unit, belongs

ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
POD = "22fd933a-ee61-46bd-93ae-ebace73c1160"
POD_IN_SLICE = POD.replace("-", "_")

V1_DOCKER = f"""12:pids:/docker/{ID}
11:cpuset:/docker/{ID}
1:name=systemd:/docker/{ID}
0::/system.slice/containerd.service
"""
V1_SERVICE = """11:devices:/system.slice/nginx.service
4:memory:/system.slice/nginx.service
2:freezer:/
1:name=systemd:/system.slice/nginx.service
"""


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("0::/system.slice/nginx.service\n", Unit(name="nginx.service")),
        (V1_SERVICE, Unit(name="nginx.service")),
        (
            "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n",
            Unit(name="postgresql@15-main.service"),
        ),
        ("0::/system.slice/ssh.socket\n", Unit(name="ssh.socket")),
        ("0::/system.slice/docker.service/inner/child\n", Unit(name="docker.service")),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", Unit(name="session-3.scope")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n",
            Unit(name="shop.service", user=1000),
        ),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", Unit(name="init.scope", user=1000)),
        ("0::/system.slice/my\\x2dshop.service\n", Unit(name="my-shop.service")),
        ("0::/init.scope\n", Unit(name="init.scope")),
        (V1_DOCKER, Container(engine="docker", id=ID)),
        (f"0::/system.slice/docker-{ID}.scope\n", Container(engine="docker", id=ID)),
        (f"0::/system.slice/docker-{ID}.scope/inner\n", Container(engine="docker", id=ID)),
        (f"0::/../docker-{ID}.scope\n", Container(engine="docker", id=ID)),
        (f"9:memory:/ecs/0f2a/{ID}\n", Container(engine="docker", id=ID)),
        (f"9:memory:/{ID}\n", Container(engine="container", id=ID)),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", Container(engine="podman", id=ID)),
        (
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
            Container(engine="podman", id=ID),
        ),
        (f"9:memory:/libpod_parent/libpod-{ID}/ctr\n", Container(engine="podman", id=ID)),
        (f"0::/machine.slice/libpod-conmon-{ID}.scope\n", Unit(name=f"libpod-conmon-{ID}.scope")),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_IN_SLICE}.slice/cri-containerd-{ID}.scope\n",
            Container(engine="containerd", id=ID, pod=POD),
        ),
        (
            f"0::/kubepods.slice/kubepods-pod{POD_IN_SLICE}.slice/crio-{ID}.scope\n",
            Container(engine="cri-o", id=ID, pod=POD),
        ),
        (f"0::/kubepods.slice/kubepods-pod{POD_IN_SLICE}.slice/crio-{ID}\n", Container(engine="cri-o", id=ID, pod=POD)),
        (f"4:memory:/kubepods/burstable/pod{POD}/{ID}\n", Container(engine="kubernetes", id=ID, pod=POD)),
        (
            f"0::/system.slice/containerd.service/kubepods-burstable-pod{POD_IN_SLICE}.slice:cri-containerd:{ID}\n",
            Container(engine="containerd", id=ID, pod=POD),
        ),
        (
            f"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{POD_IN_SLICE}.slice/cri-containerd-{ID}.scope\n",
            Container(engine="containerd", id=ID, pod=POD),
        ),
        (f"0::/user.slice/nerdctl-{ID}.scope\n", Container(engine="containerd", id=ID)),
        ("0::/lxc.payload.web1/system.slice/nginx.service\n", Container(engine="lxc", id="web1")),
        ("5:cpu:/lxc/web1/init.scope\n", Container(engine="lxc", id="web1")),
        ("0::/machine.slice/systemd-nspawn@web1.service/payload\n", Container(engine="systemd-nspawn", id="web1")),
        ("0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope\n", Container(engine="machine", id="qemu-1-vm")),
        ("0::/\n", None),
        ("0::/user.slice\n", None),
        ("0::/system.slice/bad\\xzz.service\n", Unit(name="bad\\xzz.service")),
        ("", None),
        ("nonsense\n0::\n::\n", None),
    ],
)
def test_the_control_group_names_unit_or_container(text: str, home: Home | None) -> None:
    assert belongs(text) == home


def test_a_container_without_a_name_is_known_by_its_short_id() -> None:
    assert Container(engine="docker", id=ID).short == "3a31a360e5ae"
    assert Container(engine="docker", id=ID, name="web").short == "web"
    assert Container(engine="lxc", id="a-rather-long-name").short == "a-rather-long-name"
