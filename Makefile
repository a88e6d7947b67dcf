# Flashpod's workshop. `make` alone says what there is. Nothing here needs Docker, a registry or a release download.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The architecture of the images and of what is in them.
ARCH ?= $(shell go env GOARCH)
MEDIA_IMAGE := flashpod.dev/media:dev
OPERATOR_IMAGE := flashpod.dev/operator:dev

# The same flags as in the Dockerfile: static, and the same bytes from the same source wherever it is built.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
CLUSTER := hack/cluster/cluster.sh
BUILD := hack/cluster/build.sh
TAGS := clients,e2e,envtest
# Modules of their own, whose dependencies are not the product's.
MODULES := hack/image hack/gitops hack/chart hack/netpol
# What is formatted. The linter formats nested modules, too.
FOLDERS := api config controllers hack mediaserver
# Tests wait for clocks, sockets and disks more than they compute.
GO_TEST := go test -parallel 16
# The script engine is C turned into Go: under the race detector it would take ten times as long, and nothing of it is shared. What
# calls it is looked at all the same; make test-long looks at all.
RACE := -race '-gcflags=modernc.org/...=-race=false'
# Tests of the operator run again when one of their files has changed; FRESH=1 make ... runs them in any case.
ONCE := hack/tools/once.sh
# What could not run, and why; `make test` ends with it.
LEFT_OUT := bin/left-out

##@ On this machine

.PHONY: help
help: ## say what there is
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: bin/flashpod ## serve config/samples/live.yaml on this machine; recordings go to data/
	@exec bin/flashpod serve -f config/samples/live.yaml --data data/ --web-address 127.0.0.1:8088

.PHONY: build
build: bin/flashpod bin/manager ## build both programs into bin/

.PHONY: bin/flashpod bin/manager
bin/flashpod:
	@$(GO_BUILD) -o $@ ./mediaserver
bin/manager:
	@$(GO_BUILD) -o $@ ./controllers/manager

.PHONY: generate
generate: ## write again what is generated from the API types, and the linter's rules from the list of rooms
	@hack/tools/generate.sh

# ROWS=fanout,vod measures only those; RESULTS=hack/bench/results keeps the tables and pictures of the rows growth and applications.
.PHONY: bench
bench: bin/flashpod ## measure the media server against the kernel's floor (about ten minutes; see hack/bench)
	@go build -o bin/bench ./hack/bench
	@if [[ -z "$(ROWS)" ]]; then go test -run '^$$' -bench . -benchtime 200ms -benchmem ./mediaserver/...; fi
	@bin/bench $(if $(ROWS),-rows $(ROWS)) $(if $(RESULTS),-results $(RESULTS))

.PHONY: sdk
sdk: ## build what the server embeds for browsers: the JavaScript SDK and the console, from mediaserver/web/{sdk,console}/src
	@hack/sdk/sdk.sh build

# TIME=20m is how long clients come and go, twice; SEED=n repeats what was random.
.PHONY: soak
soak: bin/flashpod ## let clients of every kind come and go for TIME (20m), under the race detector and then without, and look for leaks (see hack/soak)
	@go build -o bin/soak ./hack/soak
	@hack/tools/packages.sh race
	@go build -race -o bin/flashpod-race ./mediaserver
	@bin/soak -server bin/flashpod-race -time $(or $(TIME),20m) $(if $(SEED),-seed $(SEED))
	@bin/soak -server bin/flashpod -time $(or $(TIME),20m) $(if $(SEED),-seed $(SEED))
	@bin/soak -server bin/flashpod -stalled 1000

.PHONY: clean
clean: ## remove what was built in the checkout; data/ and the cache outside stay
	@rm -rf bin

##@ Tests

# PKG=./mediaserver/rtmp tests one package, RUN=TestPings one test of it.
PKG ?= ./...
.PHONY: check
check: ## what to run before each commit: format, vet and unit tests, without the race detector (PKG=./mediaserver/rtmp RUN=TestPings)
	@bad=$$(gofmt -l $(FOLDERS)); if [[ -n $$bad ]]; then echo "not formatted (gofmt -w does it): $$bad" >&2; exit 1; fi
	@go run ./hack/tools/rooms --check
	@go vet -tags $(TAGS) $(PKG)
	@$(GO_TEST) -vet off -timeout 5m $(if $(RUN),-run '$(RUN)') $(PKG)

# Two at a time, because each waits as much as it computes; each says what it has to say when it is done. Pages have the machine to
# themselves, since Chromium encodes and decodes by software, as has the cluster, which counts the pictures of encoders that keep
# time. What fails holds up nothing: one run tells all that is wrong. What is known to work is not run again: hack/tools/once.sh.
.PHONY: test
test: ## run every test, installing and building what they need (as root); FRESH=1 those of the operator, too, when nothing has changed
	@rm -f $(LEFT_OUT)
	@echo "linting and testing, two things at a time; each prints when it is done"
	@code=0; \
	$(MAKE) -j 2 -k --output-sync=target test-unit lint test-clients test-links test-chart test-envtest test-gitops || code=$$?; \
	$(MAKE) test-sdk || code=$$?; \
	$(MAKE) test-e2e || code=$$?; \
	if [[ -s $(LEFT_OUT) ]]; then echo; cat $(LEFT_OUT); fi; \
	exit $$code

.PHONY: test-unit
test-unit: ## run the unit tests under the race detector, with what finds a goroutine that waits for itself (the tag debug)
	@hack/tools/packages.sh race
	@echo "running the unit tests"
	@$(GO_TEST) $(RACE) -tags debug -timeout 30m ./...
	@go -C hack/image test -timeout 5m ./...

.PHONY: lint
lint: ## vet and lint, and see that what is generated is up to date
	@hack/tools/generate.sh --check
	@lint=$$($(BUILD) lint); \
	echo "vetting and linting"; \
	"$$lint" run --allow-serial-runners ./...; \
	for module in $(MODULES); do (cd $$module; \
		"$$lint" run --allow-serial-runners --config "$(CURDIR)/.golangci.yml" ./...); done

.PHONY: envtest-assets
envtest-assets: ## build kube-apiserver, etcd and kubectl, and print their folder (for KUBEBUILDER_ASSETS)
	@$(BUILD) envtest

FUZZTIME ?= 10m
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10m)
	@FUZZTIME=$(FUZZTIME) hack/tools/fuzz.sh

.PHONY: test-envtest
test-envtest: ## test the API, the operator and the admission policies against a real API server
	@assets=$$($(BUILD) envtest); \
	echo "running the API server tests"; \
	KUBEBUILDER_ASSETS=$$assets $(ONCE) go test -tags envtest -count 1 -timeout 30m ./api/... ./controllers/... ./config/...

.PHONY: test-gitops
test-gitops: ## ask kstatus and Argo CD's Lua what they make of an AppInstance in each state
	@assets=$$($(BUILD) envtest); \
	echo "running the GitOps tests"; \
	KUBEBUILDER_ASSETS=$$assets $(ONCE) go -C hack/gitops test -tags envtest -count 1 -timeout 30m ./...

.PHONY: test-chart
test-chart: ## lint, render, install, upgrade, roll back and uninstall the charts on a real API server
	@assets=$$($(BUILD) envtest); helm=$$($(BUILD) helm); \
	echo "running the chart tests"; \
	HELM=$$helm KUBEBUILDER_ASSETS=$$assets $(ONCE) go -C hack/chart test -tags envtest -count 1 -timeout 30m ./...

# What a stranger can make a server spend is measured alone. The clients wait for films, and the soak for its half a minute: side by
# side they take as long as the longest of them.
.PHONY: test-clients
test-clients: bin/flashpod ## publish and play with ffmpeg, rtmpdump, GStreamer, VLC, nginx-rtmp and go-rtmp
	@mkdir -p bin; code=0; hack/tools/packages.sh clients || code=$$?; \
	if [[ $$code -eq 3 && -z "$${CI:-}" ]]; then \
		echo "left out: test-clients, because the RTMP clients are not all installed and cannot be installed from here; as root \"hack/tools/packages.sh clients\" does it" | tee -a $(LEFT_OUT); \
		exit 0; \
	elif [[ $$code -ne 0 ]]; then \
		exit $$code; \
	fi; \
	echo "running the tests with real RTMP clients"; \
	go test -tags clients -count 1 -timeout 40m -run '^TestSpending$$' ./mediaserver/server; \
	skip='^TestOBS$$'; if ! unshare --mount $$([[ $$EUID -eq 0 ]] || echo --user --map-root-user) mount -t tmpfs tmpfs /mnt 2>/dev/null; then \
		echo "left out: the tests of a full disk, because mounting a small one needs root or user namespaces" | tee -a $(LEFT_OUT); \
		skip="$$skip|^(TestFullDisk|TestDiskThatIsNotWritable)$$"; \
	fi; \
	lacks=$$(hack/tools/enhanced.sh); if [[ -n $$lacks ]]; then \
		echo "left out: the tests of Enhanced RTMP with real clients for $${lacks//|/, }, because the installed ffmpeg does not write that into FLV (pictures since 6.1, sound since 8.0)" | tee -a $(LEFT_OUT); \
		skip="$$skip|^TestEnhancedCodecs$$/^($$lacks)$$"; \
	fi; \
	log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	go test -tags clients -count 1 -timeout 30m -run 'FFProbe|Soak' ./mediaserver/flv ./mediaserver/mp4 ./mediaserver/mp3 ./hack/soak >"$$log" 2>&1 & short=$$!; \
	code=0; go test -tags clients -count 1 -parallel 4 -timeout 30m -skip "$$skip" ./hack/e2e/clients/... || code=$$?; \
	wait $$short || code=$$?; cat "$$log"; exit $$code

# Nearly all of it is waiting, so that many at once disturb one another little.
LINKS := go test -tags clients -count 1 -parallel 16 ./hack/e2e/links
.PHONY: test-links
test-links: bin/flashpod ## cut, slow down and fill up what lies between an edge and its origin, in network namespaces; what clients have lost is in bin/links.md
	@mkdir -p bin; if ! why=$$(hack/tools/packages.sh links 2>&1 && $(LINKS) -timeout 5m -probe 2>&1); then \
		echo "left out: test-links, because $$(grep -m 1 -v '^FAIL' <<<"$$why")" | tee -a $(LEFT_OUT); \
		exit 0; \
	fi; \
	echo "running the tests of bad links"; \
	rm -f bin/links.md; \
	FLASHPOD_LINKS_FIGURES=$(CURDIR)/bin/links.md $(LINKS) -timeout 10m

.PHONY: test-obs
test-obs: bin/flashpod ## publish with OBS itself, on a screen that is not there, which it installs (as root; not in make test, since it is large)
	@hack/tools/packages.sh clients obs
	@go test -tags clients -count 1 -timeout 15m -v -run '^TestOBS$$' ./hack/e2e/clients

.PHONY: test-sdk
test-sdk: bin/flashpod ## test the JavaScript SDK and the console against a real server, from Node.js and in Chromium, and see that their builds are up to date
	@mkdir -p bin; code=0; hack/tools/packages.sh browser || code=$$?; \
	if [[ $$code -eq 3 && -z "$${CI:-}" ]]; then \
		echo "left out: test-sdk, because Chromium, Node.js and npm are not all installed and cannot be installed from here; as root \"hack/tools/packages.sh browser\" does it" | tee -a $(LEFT_OUT); \
		exit 0; \
	elif [[ $$code -ne 0 ]]; then \
		exit $$code; \
	fi; \
	echo "testing the JavaScript SDK and the console"; \
	hack/sdk/sdk.sh check; \
	hack/sdk/sdk.sh test

KILLS ?= 400
.PHONY: test-long
test-long: bin/flashpod ## run what takes too long for make test: the script engine under the race detector, what strangers can spend, by the times of a quiet machine, links that are cut for a minute, OBS, KILLS (400) servers killed while they record, a hundred while shared objects change, clients that come and go for TIME (20m), each fuzz target for FUZZTIME (10m)
	@hack/tools/packages.sh clients race
	@$(GO_TEST) -race -tags debug -timeout 60m ./mediaserver/script/...
	@FLASHPOD_KILLS=$(KILLS) go test -tags clients -count 1 -timeout 60m -run '^TestKilledAtAnyMoment$$' ./hack/e2e/clients
	@rm -f bin/links-long.md; FLASHPOD_LINKS_FIGURES=$(CURDIR)/bin/links-long.md $(LINKS) -timeout 20m -long; cat bin/links-long.md
	@go test -tags clients -count 1 -timeout 10m -run '^TestSpending$$' ./mediaserver/server -quiet-spending
	@FLASHPOD_OBJECT_KILLS=100 go test -count 1 -timeout 30m -run '^TestSharedObjectsOutliveAKill$$' ./mediaserver/command
	@$(MAKE) test-obs
	@$(MAKE) soak
	@$(MAKE) fuzz

.PHONY: clients-table
clients-table: bin/flashpod ## write again the table of what each client can do
	@hack/tools/packages.sh clients
	@go test -tags clients -count 1 -timeout 15m -run '^TestTable$$' ./hack/e2e/clients -update

.PHONY: spending-table
spending-table: ## write again the table of what a stranger can make a server spend
	@go test -tags clients -count 1 -timeout 5m -run '^TestSpending$$' ./mediaserver/server -update-spending

.PHONY: test-e2e
test-e2e: ## test the whole path on a real one-node cluster (as root)
	@mkdir -p bin; if [[ $$EUID -ne 0 ]]; then \
		echo "left out: test-e2e, because the one-node cluster needs root: it has namespaces, mounts and control groups of its own" | tee -a $(LEFT_OUT); \
		exit 0; \
	fi; \
	hack/tools/packages.sh clients browser; \
	$(CLUSTER) with $(MAKE) run-e2e

# Tests of the cluster that are about the media server in it; the others are about the operator, and are not run again when
# nothing of it has changed.
IN_PODS := ^(TestPublishWithTheKeyAndPlay|TestRecordingOutlivesPodAndInstance|TestRTMPSWithACertificateFromASecret|TestKeyIsRotated|TestScript|TestWebByTheService|TestWebByTheIngress|TestWebByHTTPS|TestConsoleByPortForward|TestWebRTCByItsOwnService|TestWebRTCByEdges|TestEdges|TestGatewayWakes|TestWholeByTheIngress)$$
# The tests run inside the cluster's network, where Services and LoadBalancer addresses are reached.
.PHONY: run-e2e
run-e2e: deploy
	@echo "running the end-to-end tests"; \
	skip='^$$'; if ! why=$$($(CLUSTER) guarded); then \
		echo "left out: TestNetworkPolicy, because $$why" | tee -a $(LEFT_OUT); \
		skip='^TestNetworkPolicy$$'; \
	fi; \
	e2e() { go test -tags e2e -count 1 -parallel 4 -timeout 25m -exec "$(CURDIR)/$(CLUSTER) exec" "$$@" ./hack/e2e/cluster/...; }; \
	e2e -run '$(IN_PODS)'; \
	export HELM=$$($(BUILD) helm); export -f e2e; \
	READS="hack/e2e/cluster hack/image hack/netpol" $(ONCE) bash -c 'e2e "$$@"' e2e -skip "$$skip|$(IN_PODS)"

##@ Images and cluster

.PHONY: image
image: ## write the two images as tar files into bin/images, without a Docker daemon
	@GOOS=linux GOARCH=$(ARCH) $(GO_BUILD) -o bin/linux-$(ARCH)/flashpod ./mediaserver
	@GOOS=linux GOARCH=$(ARCH) $(GO_BUILD) -o bin/linux-$(ARCH)/manager ./controllers/manager
	@go -C hack/image build -o "$(CURDIR)/bin/image" .
	@bin/image -arch $(ARCH) -label org.opencontainers.image.title=flashpod-media -label "org.opencontainers.image.version=$(VERSION)" \
		-tag $(MEDIA_IMAGE) -binary bin/linux-$(ARCH)/flashpod -path /flashpod -out bin/images/media.tar
	@bin/image -arch $(ARCH) -label org.opencontainers.image.title=flashpod-operator -label "org.opencontainers.image.version=$(VERSION)" \
		-tag $(OPERATOR_IMAGE) -binary bin/linux-$(ARCH)/manager -path /manager -out bin/images/operator.tar
	@echo "bin/images/media.tar     $(MEDIA_IMAGE)"
	@echo "bin/images/operator.tar  $(OPERATOR_IMAGE)"

.PHONY: cluster-up
cluster-up: ## start a real one-node Kubernetes built from source (as root)
	@$(CLUSTER) up

.PHONY: deploy
deploy: image ## build the images, give them to the cluster, install the operator
	@$(CLUSTER) load-image bin/images/media.tar bin/images/operator.tar
	@before=$$($(CLUSTER) kubectl get deployment --namespace flashpod-system --output name 2>/dev/null || true); \
	$(CLUSTER) kubectl apply -k config/default; \
	if [[ -n $$before ]]; then $(CLUSTER) kubectl rollout restart --namespace flashpod-system $$before; fi; \
	$(CLUSTER) kubectl rollout status deployment --namespace flashpod-system --timeout 180s

.PHONY: cluster-down
cluster-down: ## end the cluster and leave nothing behind
	@$(CLUSTER) down
