# Two commands do all the set-up: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test test-scenarios test-networks test-rest lint evidence accuracy bench captures tools firewalls sshd servers peers rivals viewers recorders clean

demo: $(READY) tools
	@$(BIN)/pathprobe demo

# Real networks are mostly waited for, the rest is computed: side by side. Threads, which a runner for many
# processes would start, are no good for labs.
test: $(READY) tools firewalls sshd servers
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target test-scenarios test-networks test-rest

test-scenarios:
	$(BIN)/pytest -m lab tests/scenarios

test-networks:
	$(BIN)/pytest -m "lab and not tools" --ignore tests/scenarios

test-rest:
	$(BIN)/pytest -m "not lab and not tools"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What others will open the evidence with: the captures in Wireshark, the page in a browser. Its pictures stay in
# build/screenshots. Not part of `make test`, for a browser is a heavy tool; here nothing is skipped.
evidence: $(READY) tools viewers recorders
	$(BIN)/pytest -m tools
	$(BIN)/pytest tests/evidence/in_tshark.py tests/evidence/in_tshark_of_others.py tests/evidence/in_chromium.py

# Every network of the lab against its known fault, ten times, those that lose or limit 50 times, beside what nmap and
# traceroute say; then networks made at random. NAMES="a b" asks only these, QUICK=1 asks less often.
NAMES ?=
RANDOM ?= 200
SEED ?= 0
OFTEN := $(if $(QUICK),--times 1 --noisy-times 5 --simulated 10)
accuracy: $(READY) tools peers
	$(BIN)/python -m tests.bench.accuracy $(OFTEN) $(NAMES)
	$(BIN)/pathprobe lab check --random $(RANDOM) --seed $(SEED)

# Time, CPU and memory beside nmap, traceroute and others, on the same networks in the same run: docs/speed.md.
# NAMES="open drop" races only these, QUICK=1 in fewer rounds.
bench: $(READY) tools peers rivals
	$(BIN)/python -m tests.bench.speed $(if $(QUICK),--quick) $(NAMES)

# The fixtures in captures/, recorded anew in the lab.
captures: $(READY) tools recorders
	$(BIN)/pathprobe lab record captures

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

# What is $$missing comes from apt where root has that; others are told that $(1).
define install
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; \
  else \
    echo "$(1). Install that with your package manager and run this again." >&2; \
  fi; \
fi
endef

# The lab needs ip(8) and nft(8). Root gets them from apt where apt is; others are told.
tools:
	@missing=''; \
	command -v ip >/dev/null || missing="$$missing iproute2"; \
	command -v nft >/dev/null || missing="$$missing nftables"; \
	$(call install,The lab needs:$$missing)

# Whose rules the tests read and obey, in namespaces. Where systemd runs, Debian would start firewalld and close this
# machine: what was not there before is masked first, and stays so.
firewalls:
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=''; \
	for pair in dbus-daemon:dbus firewalld:firewalld ipset:ipset iptables:iptables ufw:ufw; do \
	  command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	case "$$missing" in *firewalld*) \
	  if [ "$$(id -u)" = 0 ] && [ -d /run/systemd/system ]; then systemctl mask firewalld; fi;; \
	esac; \
	$(call install,The tests of firewalls need:$$missing)

# By which the tests look at a server, in namespaces, with keys and accounts of their own. Debian would start it for
# everybody: where systemd runs, what was not there before is masked first, and stays so.
sshd:
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=''; \
	for pair in ssh:openssh-client sshd:openssh-server sudo:sudo; do \
	  command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	case "$$missing" in *openssh-server*) \
	  if [ "$$(id -u)" = 0 ] && [ -d /run/systemd/system ]; then systemctl mask ssh.service ssh.socket; fi;; \
	esac; \
	$(call install,The tests over ssh need:$$missing)

# Whom the tests of layer 7 ask. Debian would start nginx: masked where systemd runs, elsewhere policy-rc.d forbids it for
# the time of the installation; what was there before stays as it is.
servers:
	@export PATH="$$PATH:/usr/sbin:/sbin"; missing=''; policy=/usr/sbin/policy-rc.d; \
	command -v nginx >/dev/null || missing=" nginx"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
	  if [ -d /run/systemd/system ]; then systemctl mask nginx; \
	  elif [ ! -e $$policy ]; then \
	    trap "rm -f $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; \
	  fi; \
	fi; \
	$(call install,The tests of services need:$$missing)

# What pathprobe is compared with.
peers:
	@missing=''; \
	for name in nmap traceroute; do command -v "$$name" >/dev/null || missing="$$missing $$name"; done; \
	$(call install,The comparison needs:$$missing (else their columns stay empty))

# Beside nmap and traceroute; one that is not there is left out of the race.
rivals:
	@missing=''; \
	for pair in fping:fping hping3:hping3 mtr:mtr-tiny tcptraceroute.mt:tcptraceroute; do \
	  command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	$(call install,The whole race needs:$$missing (else their cells stay empty))

viewers:
	@missing=''; \
	command -v tshark >/dev/null || missing="$$missing tshark"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  missing="$$missing chromium"; \
	$(call install,Looking at the evidence needs:$$missing)

# Whose traffic is in captures/, and what listens to it.
recorders:
	@missing=''; \
	for pair in curl:curl dig:bind9-dnsutils editcap:wireshark-common hping3:hping3 mtr:mtr-tiny nmap:nmap \
	    ping:iputils-ping scamper:scamper tcpdump:tcpdump tcptraceroute.mt:tcptraceroute traceroute:traceroute; do \
	  command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	$(call install,Recording other tools needs:$$missing)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
