"""Where is a server told which address to listen on, and what does one write there?

By the name of its program, or by a word of its command line where an interpreter runs it. What a table here does not
know is told in general terms. Sources: each server's own manual.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from shlex import quote

from pathprobe.layers.listening.cgroup import Container, Home, Unit
from pathprobe.layers.listening.facts import Process, Socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``line``: what to write, {port} filled in; ``where``: the file or folder, empty where it is the command line.

    ``line6``: what to write for IPv6, where the line is for IPv4 alone and has no address to put another in for.
    ``check``: a command that says whether the new configuration is sound.
    """

    line: str
    where: str = ""
    check: str = ""
    line6: str = ""


_NGINX = Setting(line="listen {port};", line6="listen [::]:{port};", where="/etc/nginx", check="nginx -t")
_LISTEN6 = "Listen [::]:{port}"
_APACHE = "Listen {port}"
_CADDY = "bind 0.0.0.0 [::]"
_MYSQL = "bind-address = 0.0.0.0"
_REDIS = "bind * -::*"
_POSTGRES = "listen_addresses = '*'"
#: YAML takes a bare :: for the beginning of a mapping.
_NETWORK_HOST, _NETWORK_HOST6 = "network.host: 0.0.0.0", 'network.host: "::"'
_HOST_OPTION = "--host 0.0.0.0"
_PUBLISHED = Setting(
    line="publish with -p {port}:{inner} instead of -p 127.0.0.1:{port}:{inner}",
    line6="publish with -p [::]:{port}:{inner} as well",
)

#: Names of programs.
_PROGRAMS = {
    "nginx": _NGINX,
    "openresty": Setting(line="listen {port};", line6="listen [::]:{port};", where="/usr/local/openresty/nginx/conf"),
    "apache2": Setting(line=_APACHE, line6=_LISTEN6, where="/etc/apache2", check="apachectl configtest"),
    "httpd": Setting(line=_APACHE, line6=_LISTEN6, where="/etc/httpd", check="apachectl configtest"),
    "haproxy": Setting(
        line="bind :{port}",
        line6="bind [::]:{port}",
        where="/etc/haproxy",
        check="haproxy -c -f /etc/haproxy/haproxy.cfg",
    ),
    "caddy": Setting(line=_CADDY, line6=_CADDY, where="/etc/caddy"),
    "lighttpd": Setting(line='server.bind = "0.0.0.0"', line6='server.use-ipv6 = "enable"', where="/etc/lighttpd"),
    "envoy": Setting(
        line="socket_address: {{ address: 0.0.0.0, port_value: {port} }}",
        line6='socket_address: {{ address: "::", port_value: {port} }}',
        where="/etc/envoy",
    ),
    "traefik": Setting(line='address: ":{port}"', where="/etc/traefik"),
    "postgres": Setting(line=_POSTGRES, where="/etc/postgresql /var/lib/pgsql"),
    "redis-server": Setting(line=_REDIS, where="/etc/redis"),
    "valkey-server": Setting(line=_REDIS, where="/etc/valkey"),
    "mysqld": Setting(line=_MYSQL, where="/etc/my.cnf /etc/my.cnf.d /etc/mysql"),
    "mariadbd": Setting(line=_MYSQL, where="/etc/my.cnf /etc/my.cnf.d /etc/mysql"),
    "mongod": Setting(line="bindIp: 0.0.0.0", line6="bindIpAll: true, ipv6: true", where="/etc/mongod.conf"),
    "memcached": Setting(line="-l 0.0.0.0", where="/etc/memcached.conf /etc/sysconfig/memcached"),
    "influxd": Setting(line='bind-address = ":{port}"', where="/etc/influxdb"),
    "clickhouse-server": Setting(line="<listen_host>::</listen_host>", where="/etc/clickhouse-server"),
    "beam.smp": Setting(line="listeners.tcp.default = 0.0.0.0:{port}", where="/etc/rabbitmq"),
    "mosquitto": Setting(line="listener {port} 0.0.0.0", where="/etc/mosquitto"),
    "etcd": Setting(line="--listen-client-urls=http://0.0.0.0:{port}", where="/etc/default/etcd /etc/etcd"),
    "prometheus": Setting(line="--web.listen-address=:{port}", where="/etc/default/prometheus"),
    "grafana": Setting(line="http_addr = 0.0.0.0", where="/etc/grafana"),
    "grafana-server": Setting(line="http_addr = 0.0.0.0", where="/etc/grafana"),
    "ollama": Setting(line="OLLAMA_HOST=0.0.0.0:{port}", where="/etc/systemd/system/ollama.service"),
    "named": Setting(
        line="listen-on {{ any; }};",
        line6="listen-on-v6 {{ any; }};",
        where="/etc/bind /etc/named.conf",
        check="named-checkconf",
    ),
    "unbound": Setting(line="interface: 0.0.0.0", where="/etc/unbound", check="unbound-checkconf"),
    "dnsmasq": Setting(line="listen-address=0.0.0.0", where="/etc/dnsmasq.conf /etc/dnsmasq.d", check="dnsmasq --test"),
    "systemd-resolved": Setting(line="DNSStubListenerExtra=0.0.0.0", where="/etc/systemd/resolved.conf"),
    "chronyd": Setting(line="bindaddress 0.0.0.0", where="/etc/chrony /etc/chrony.conf"),
    "snmpd": Setting(line="agentaddress udp:{port}", line6="agentaddress udp6:{port}", where="/etc/snmp"),
    "rsyslogd": Setting(line='input(type="imudp" port="{port}")', where="/etc/rsyslog.conf /etc/rsyslog.d"),
    "cupsd": Setting(line="Port {port}", where="/etc/cups"),
    "exim4": Setting(line="dc_local_interfaces=''", where="/etc/exim4"),
    "master": Setting(line="inet_interfaces = all", where="/etc/postfix/main.cf", check="postfix check"),
    "dovecot": Setting(line="listen = *, ::", where="/etc/dovecot"),
    "vsftpd": Setting(
        line="listen_address=0.0.0.0", line6="listen=NO, listen_ipv6=YES", where="/etc/vsftpd.conf /etc/vsftpd"
    ),
    "smbd": Setting(line="bind interfaces only = no", where="/etc/samba", check="testparm -s"),
    "docker-proxy": _PUBLISHED,
    "rootlessport": _PUBLISHED,
    "conmon": _PUBLISHED,
    "kubectl": Setting(line="kubectl port-forward --address 0.0.0.0"),
    "ssh": Setting(line="ssh -L 0.0.0.0:{port}:HOST:HOSTPORT instead of ssh -L {port}:HOST:HOSTPORT"),
    "php": Setting(line="php -S 0.0.0.0:{port}"),
    "node": Setting(line="server.listen({port}, '0.0.0.0')"),
}

#: Words of command lines, where the program's own name says little: found at the end of a word's path.
_WORDS = {
    "gunicorn": Setting(line="--bind 0.0.0.0:{port}"),
    "uvicorn": Setting(line=_HOST_OPTION),
    "hypercorn": Setting(line="--bind 0.0.0.0:{port}"),
    "flask": Setting(line=_HOST_OPTION),
    "runserver": Setting(line="runserver 0.0.0.0:{port}"),
    "http.server": Setting(line="--bind 0.0.0.0"),
    "jupyter-lab": Setting(line="--ip=0.0.0.0"),
    "jupyter-notebook": Setting(line="--ip=0.0.0.0"),
    "streamlit": Setting(line="--server.address=0.0.0.0"),
    "vite": Setting(line=_HOST_OPTION),
    "puma": Setting(line="--bind tcp://0.0.0.0:{port}"),
    "rails": Setting(line="--binding 0.0.0.0", line6="--binding '[::]'"),
    "webpack-dev-server": Setting(line=_HOST_OPTION),
    "org.elasticsearch.bootstrap.Elasticsearch": Setting(
        line=_NETWORK_HOST, line6=_NETWORK_HOST6, where="/etc/elasticsearch"
    ),
    "org.elasticsearch.server": Setting(line=_NETWORK_HOST, line6=_NETWORK_HOST6, where="/etc/elasticsearch"),
    "org.opensearch.bootstrap.OpenSearch": Setting(line=_NETWORK_HOST, line6=_NETWORK_HOST6, where="/etc/opensearch"),
    "kafka.Kafka": Setting(line="listeners=PLAINTEXT://0.0.0.0:{port}", where="/etc/kafka /opt/kafka/config"),
    "org.apache.catalina.startup.Bootstrap": Setting(
        line='<Connector port="{port}" address="0.0.0.0" .../>', where="/etc/tomcat /opt/tomcat/conf"
    ),
    "jenkins.war": Setting(line="--httpListenAddress=0.0.0.0", where="/etc/default/jenkins"),
}

_SSHD = Setting(line="ListenAddress 0.0.0.0", where="/etc/ssh", check="sshd -t")
#: A listener of sshd on any other port is somebody's ``ssh -R``.
_REMOTE_FORWARD = Setting(line="GatewayPorts clientspecified", where="/etc/ssh/sshd_config", check="sshd -t")
_SSH_PORT = 22


def setting(process: Process, port: int) -> Setting | None:
    """None: no table knows it."""
    if process.name == "sshd":
        return _REMOTE_FORWARD if process.command.startswith("sshd: ") and port != _SSH_PORT else _SSHD
    words = (word.rpartition("/")[2] for word in process.command.split())
    return _PROGRAMS.get(process.name) or next((_WORDS[word] for word in words if word in _WORDS), None)


def option(process: Process, name: str) -> str | None:
    """The word after ``name`` on the command line."""
    words = process.command.split()
    return words[words.index(name) + 1] if name in words[:-1] else None


def published(process: Process) -> str | None:
    """``172.17.0.2:80``, for which docker-proxy stands in (its -container-ip and -container-port)."""
    address, port = option(process, "-container-ip"), option(process, "-container-port")
    return f"{address}:{port}" if process.name == "docker-proxy" and address and port else None


def steps_out_of(
    socket: Socket, process: Process, *, missing: int | None = None, version: int | None = None
) -> tuple[str, ...]:
    """Lines to copy that have the process listen on more than the socket does: look for the place, write.

    ``missing``: the IP version that is to be served as well; None: every address instead of the socket's, those of
    ``version`` or of the socket's own. What is no command stands as a shell comment.
    """
    version = missing or version or ip_address(socket.address).version
    known = setting(process, socket.port)
    # No option with an address loosens a socket from its interface.
    if known is None or (socket.device is not None and not known.where):
        return (_in_general(socket, process, missing, version),)
    line = _line(known, socket, process, version)
    if not known.where:
        return (f"# {process.name}: {line}",)
    wanted = str(socket.port) if socket.is_any else socket.address
    how = f", so that IPv{missing} is served as well" if missing else " instead"
    return f"grep -rnF {wanted} {known.where}", f"# write{how}: {line}"


def checked_and_restarted(processes: Iterable[Process], port: int) -> tuple[str, ...]:
    """What comes after the writing: is the new configuration sound, and whatever restarts each of them."""
    found = list(processes)
    settings = (setting(process, port) for process in found)
    checks = (known.check for known in settings if known is not None and known.check)
    return tuple(dict.fromkeys((*checks, *(line for process in found for line in again(process.home)))))


def _line(known: Setting, socket: Socket, process: Process, version: int) -> str:
    """What to write for one family; a line that names no address is for both, unless the table knows another."""
    text = known.line
    if version == 6:
        text = known.line6 or _for_ipv6(text)
    return text.format(port=socket.port, inner=option(process, "-container-port") or "CONTAINER_PORT")


def _for_ipv6(line: str) -> str:
    """In brackets where a port follows, as in URLs."""
    return line.replace("0.0.0.0:", "[::]:").replace("//0.0.0.0", "//[::]").replace("0.0.0.0", "::")


def _in_general(socket: Socket, process: Process, missing: int | None, version: int) -> str:
    port = socket.port
    here = bracketed(socket.address)
    if socket.device is not None and missing is None:
        told = f"# make {process.name} listen on {here}:{port}, not bound to {socket.device}"
    elif missing is not None:
        told = f"# make {process.name} listen on {_every(missing)}:{port} as well, beside {here}"
    else:
        told = f"# make {process.name} listen on {_every(version)}:{port} instead of {here}:{port}"
    return f"{told}: {process.command}" if process.command else told


def _every(version: int) -> str:
    return "0.0.0.0" if version == 4 else "[::]"


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def again(home: Home | None) -> tuple[str, ...]:
    """The command that restarts what runs the process; none where nobody is known to.

    A reload would not do: the new socket overlaps the old one, which servers close last ("Address already in use").
    """
    match home:
        case Unit(name=name, user=None) if name.endswith(".service"):
            return (f"systemctl restart {quote(name)}",)
        case Unit(name=name) if name.endswith(".service"):
            return (f"systemctl --user restart {quote(name)}",)
        case Container(engine="docker" | "podman") as container:
            return (f"{container.engine} restart {quote(container.short)}",)
        case _:
            return ()
