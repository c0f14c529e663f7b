package live

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// unimportable are modules that cannot be imported, because they need what is
// not in OpenHands' lock, or what the lean environment leaves out.
var unimportable = []string{
	"google.cloud._storage_v2",           // lean: gRPC
	"google.longrunning.operations_grpc", // lean: gRPC
	"google.longrunning.operations_grpc_pb2",
	"google.longrunning.operations_pb2_grpc",
	"qtpy",       // Qt
	"vertex_ray", // BigQuery's storage and Ray
}

var unimported = regexp.MustCompile(`(?m)^(\S+) of .*$`)

// checkImports imports every package that is left in the environment, so that
// nothing that a rule leaves out of one is missed by another.
func checkImports(t *testing.T, s *sandbox) {
	python := lab.Engine{}.Command(t.Context(), "exec", "--interactive", s.container, "/openhands/bin/oh-python", "-")
	python.Stdin = bytes.NewReader(read(t, "testdata/imports/imports.py"))
	var messages bytes.Buffer
	python.Stderr = &messages
	out, err := python.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, &messages)
	}
	count, _, _ := strings.Cut(string(out), "\n")
	t.Log(count)
	for _, line := range unimported.FindAllStringSubmatch(string(out), -1) {
		if !slices.Contains(unimportable, line[1]) {
			t.Error(line[0])
		}
	}
}
