# make quickstart   from a machine with Go and make to a running server
# make test         every test, on a real engine with real bases
# make install      the plugin, into the user's own docker plugins

GO         ?= go
LAB        := $(GO) run ./integration/cmd/oh-lab
PLUGINS    := $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
ARTIFACTS  := $(CURDIR)/artifacts
LIVE       := ./integration/live/...
FUZZTIME   ?= 4000x

# What 'docker openhands version' prints: the tag, or the commit after it.
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT     ?= $(shell git rev-parse HEAD 2>/dev/null)

# A program that the project calls, from the module that pins it.
tool        = $(GO) tool -modfile=tools/$(1)/go.mod $(1)

.PHONY: build release release-twice helpers install lint tools unit race update oracle fuzz live test matrix matrix-docs clients variables cells foreign upstream-suite hostile bench charts recording batch-bench batch-faults batch-live quickstart engine bases deps notices clean

build: helpers
	CGO_ENABLED=0 $(GO) build -trimpath -tags grpcnotrace -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o bin/docker-openhands ./cli-plugin

# What is handed out, see docs/release.md; the second target makes it again from
# nothing and compares the bytes.
release release-twice:
	rm -rf dist
	$(GO) run ./release -version $(VERSION) -commit "$(COMMIT)" -o dist $(if $(findstring twice,$@),-twice)

# The programs that run inside containers; the plugin embeds them.
helpers:
	$(GO) generate ./cli-plugin/helpers

install: build
	mkdir -p $(PLUGINS)
	install -m 755 bin/docker-openhands $(PLUGINS)/docker-openhands

engine:
	$(LAB) engine

bases: engine
	$(LAB) bases

deps: install bases
	docker openhands deps build

quickstart: engine install
	$(LAB) bases debian:trixie-slim alpine:3.20
	$(LAB) quickstart

lint: helpers
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
		if [ -n "$$unformatted" ]; then echo "gofmt -l names:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	for platform in linux/arm64 darwin/arm64; do \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cli-plugin || exit 1; done
	$(call tool,golangci-lint) run
	$(call tool,actionlint)

tools:
	$(LAB) tools

unit: helpers tools
	$(GO) test $$($(GO) list ./... | grep -v -e /integration/live -e /integration/foreign -e /integration/bundler -e /integration/sudo)

# What is concurrent, with Go's race detector: the packages that lock or wait for
# groups of goroutines. What measures memory takes minutes under it and shows
# nothing there.
race: helpers tools
	$(GO) test -race -skip Memory $$(git grep -lE '"(sync|golang.org/x/sync/errgroup)"' -- 'bundler/*.go' 'cli-plugin/*.go' | xargs -n 1 dirname | sort -u | sed 's,^,./,')

# All golden files, from what the tests get now.
update: helpers
	$(GO) test $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's,^,./,') -update

# The bundler against the loaders of Debian and Alpine, and its work by
# running it; the payload's sudo against Debian's, by 600 drawn cases. For more:
# OH_SUDO_SEEDS=600-10000 make oracle
oracle:
	$(GO) test -v -count=1 -timeout 20m ./integration/bundler/... ./integration/sudo

# Every fuzz target, one after the other. A count ends a run cleanly; a time may
# end it in the middle of an input, which go test reports as a failure. For long
# runs: make fuzz FUZZTIME=10m
fuzz: helpers
	for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do \
		for f in $$($(GO) test -list '^Fuzz' ./$$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s ./$$package || exit 1; done; done

# The live tests share one engine and its images: one package at a time. What
# failed is printed once more at the end. Suites run over these bases of theirs;
# make matrix-docs has all of them.
SAMPLE ?= debian:12 alpine:3.20 scratch
live: deps
	OH_SAMPLE="$(SAMPLE)" OH_ARTIFACTS=$(ARTIFACTS) $(call tool,gotestsum) --format standard-verbose -- -count=1 -p 1 -parallel 2 -timeout 75m $(LIVE) ./integration/foreign

test: unit race oracle fuzz live

# The tables of docs/matrix.md over images of your choice, for example
# make matrix BASES="rockylinux:9 ubuntu:24.04". SUITES chooses tests by name.
SUITES ?= ^Test(Bases|Contract|Users)$$
matrix: install engine
	@test -n "$(BASES)" || { echo 'name the images to test: make matrix BASES="rockylinux:9 ubuntu:24.04"'; exit 2; }
	$(LAB) bases debian:trixie-slim
	docker openhands deps build
	OH_BASES="$(BASES)" OH_ARTIFACTS=$(ARTIFACTS) $(GO) test -v -count=1 -parallel 2 -timeout 6h -run '$(SUITES)' ./integration/live

matrix-docs: SAMPLE =
matrix-docs: live
	cp $(ARTIFACTS)/matrix.md docs/matrix.md

# Each of OpenHands' clients over every base: an hour and a half. BENCHMARKS names
# a checkout of OpenHands/benchmarks, to have it among them.
CLIENT_BASES ?= debian:11 debian:12 debian:13 alpine:3.20 busybox:glibc busybox:musl el-like:9 ubuntu-like:24.04 scratch
clients: deps
	OH_BASES="$(CLIENT_BASES)" OH_BENCHMARKS="$(BENCHMARKS)" OH_ARTIFACTS=$(ARTIFACTS) \
		$(GO) test -v -count=1 -parallel 2 -timeout 6h -run '^TestClients$$' ./integration/live
	{ echo "# Clients of the agent server over every base"; sed -n "/^## OpenHands' clients/,\$$p" $(ARTIFACTS)/matrix.md | sed 1d; } >docs/clients-matrix.md

# The variables that the programs of the payloads know, for the test that none
# of them steers a server.
variables: deps
	docker openhands deps build --server agent-server
	$(GO) run ./integration/cmd/oh-variables $$(docker images --quiet --filter label=dev.openhands.kind=deps | sort -u) \
		>oh-wrappers/testdata/variables.txt

# How many cells of a notebook are answered with something else than what they
# print: 600 of each kind on a busy machine.
CELLS ?= 600
cells: deps
	OH_CELLS=$(CELLS) OH_ARTIFACTS=$(ARTIFACTS) $(GO) test -v -count=1 -timeout 30m -run '^TestCells$$' ./integration/live

# The whole payload of the agent server for the architecture that this machine is
# not of, its proofs under QEMU, its server over three bases, and the payload of
# this machine made in either kind of builder: two hours.
foreign: install bases
	OH_FOREIGN=all $(GO) test -v -count=1 -timeout 6h ./integration/foreign

# OpenHands' own tests of its runtime, from a checkout or a Git repository that
# you name: make upstream-suite SOURCE=../OpenHands. BASES, USERS and TESTS choose,
# PYTHON names one of version 3.12, and RESUME=1 goes on with a run that was cut.
upstream-suite: install engine
	@test -n "$(SOURCE)" || { echo 'name a folder with OpenHands'"'"' sources: make upstream-suite SOURCE=../OpenHands'; exit 2; }
	$(LAB) bases $(filter-out scratch,$(or $(BASES),alpine:3.20 debian:trixie-slim))
	docker openhands deps build
	$(GO) run ./integration/upstream -source "$(SOURCE)" -folder $(ARTIFACTS)/upstream -o $(ARTIFACTS)/upstream.md \
		$(if $(REF),-ref "$(REF)") $(if $(BASES),-bases "$(BASES)") $(if $(USERS),-users "$(USERS)") $(if $(TESTS),-tests "$(TESTS)") \
		$(if $(PYTHON),-python "$(PYTHON)") $(if $(RESUME),-resume)

# Fifty hostile images in real engines, one of them with containerd's store. A
# run with RECORD=FILE that was cut goes on with the same file.
hostile: deps
	$(GO) run ./integration/hostile/live -o docs/hostile.md $(if $(RECORD),-record "$(RECORD)")

bench: deps
	$(GO) run ./integration/bench -o docs/benchmarks.md
	$(MAKE) charts

# The charts of docs/benchmarks.md, from the tables in it.
charts:
	$(GO) run ./integration/cmd/oh-charts docs/benchmarks.md

# Hundreds of images in a registry on this machine, without an engine.
batch-bench: build
	$(GO) run ./integration/bench/batch -o docs/batch-benchmarks.md

# The same through a registry that fails and is killed, and killed themselves; and
# in an engine. Every run of the tests has some of it.
batch-faults: helpers
	OH_BATCH=500 OH_KILLS=20 $(GO) test -v -count=1 -timeout 20m -run '^Test(FaultyRegistry|KilledRuns)$$' ./cli-plugin/builder
batch-live: deps
	OH_BATCH=500 $(GO) test -v -count=1 -timeout 30m -run '^TestBatch$$' ./integration/live

# docs/quickstart.svg: the quick start at a terminal, over a payload that is built
# before. CAST=1 draws the last recording again, without an engine.
recording: $(if $(CAST),,install)
	$(if $(CAST),,docker openhands deps build --server agent-server)
	$(GO) run ./integration/cmd/oh-record -plugin bin/docker-openhands $(if $(CAST),-again)

# Licences of all modules in the programs that are handed out.
notices: helpers
	rm -rf $(ARTIFACTS)/licences
	$(call tool,go-licenses) save ./cli-plugin ./oh-init ./oh-rescue ./oh-wrappers ./bundler/cmd/oh-bundle \
		--ignore $$($(GO) list -m) --save_path $(ARTIFACTS)/licences
	$(GO) run ./integration/cmd/oh-notices $(ARTIFACTS)/licences >THIRD_PARTY_NOTICES.md

clean:
	rm -rf bin dist cli-plugin/helpers/bin cli-plugin/helpers/packed/* $(ARTIFACTS)
