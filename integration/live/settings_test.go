package live

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// servingTemplate makes an image with a server that only says that it is alive.
const servingTemplate = `FROM {{ base_image }}
COPY ./code /openhands/code
RUN mkdir -p /openhands/micromamba/bin && cp /openhands/code/openhands/server.pl /openhands/micromamba/bin/micromamba && chmod 755 /openhands/micromamba/bin/micromamba
`

const servingProgram = `#!/usr/bin/perl
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
my $listener = IO::Socket::INET->new(LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die;
while (1) {
  my $client = $listener->accept or next;
  while (<$client>) { last if /^\r?\n/ }
  print $client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  close $client;
}
`

// TestSettings does what an existing user with a config.toml does: run, which
// builds as OpenHands would, have the image written into the config.toml, and
// run again, now without a build.
func TestSettings(t *testing.T) {
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", "localhost:1/oh-live/settings") // nothing listens there
	source := traditionalSource(t)
	for name, content := range map[string]string{
		"openhands/server.pl": servingProgram,
		"openhands/runtime/utils/runtime_templates/Dockerfile.j2": servingTemplate,
	} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("OH_BUILD_SOURCE", source)
	project := t.TempDir()
	config := filepath.Join(project, "config.toml")
	const before = "# mine\n[sandbox]\nbase_container_image = \"debian:trixie-slim\" # small\n"
	if err := os.WriteFile(config, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}

	plugin := func(args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands"}, args...)...)
		cmd.Dir = project
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		if err := cmd.Run(); err != nil {
			t.Fatalf("docker openhands %s: %v\n%s", strings.Join(args, " "), err, &log)
		}
		return out.String(), log.String()
	}
	names, _ := plugin("tags")
	for name := range strings.FieldsSeq(names) {
		cleanup(t, lab.Engine{}, "rmi", name)
	}
	wanted := strings.Fields(names)[0]
	serve := func() (image, log string) {
		t.Helper()
		text, log := plugin("run", "--detach", "--json", "--progress", "plain")
		var server struct{ Container, Address string }
		if err := json.Unmarshal([]byte(text), &server); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		defer docker(t, "rm", "--force", server.Container)
		response, err := http.Get(server.Address + "/alive")
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s %v", response.Status, err)
		}
		return docker(t, "inspect", "--format", "{{.Image}}", server.Container), log
	}

	image, log := serve()
	if strings.Count(log, "note: the mode is traditional, because config.toml:2 has a section [sandbox]") != 1 {
		t.Errorf("no word about the mode:\n%s", log)
	}
	if made := id(t, wanted); made != image {
		t.Errorf("%s runs, and %s is %s", image, wanted, made)
	}

	plugin("config", "--write-openhands", "config.toml")
	after, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(after), before+"runtime_container_image = \""+wanted+"\"\n")
	again, log := serve()
	if again != image || strings.Contains(log, "FROM debian:trixie-slim") {
		t.Errorf("%s runs, not %s:\n%s", again, image, log)
	}

	// What a forced build makes runs, although every tag stays where it is.
	if err := os.WriteFile(config, []byte(before+"force_rebuild_runtime = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	forced, _ := serve()
	if forced != image {
		cleanup(t, lab.Engine{}, "rmi", forced)
	}
	if held := id(t, wanted); held != image {
		t.Errorf("%s is now %s, not %s", wanted, held, image)
	}
}
