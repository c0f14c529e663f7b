package migrate

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

func base(name string, programs ...string) target {
	return target{Name: name, Has: func(program string) bool { return slices.Contains(programs, program) }}
}

var (
	debian = base("debian:12", "apt-get", "dpkg", "perl", "sh", "bash")
	alpine = base("alpine:3.20", "apk", "sh", "wget")
	python = base("python:3.13", "apt-get", "pip", "python3", "gcc")
	none   = base("scratch")
)

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		command string
		base    target
		want    []Effect
		why     string // in the last row
	}{
		{"apt-get update && apt-get install -y ffmpeg", debian, []Effect{Same, Same}, "debian:12 has apt-get"},
		{"apt-get update && apt-get install -y ffmpeg libx11-6", alpine, []Effect{Fails, Fails}, "apk add --no-cache ffmpeg libx11-6"},
		{"apk add ffmpeg", debian, []Effect{Fails}, "apt-get update && apt-get install -y ffmpeg"},
		{"apt install -y ffmpeg", none, []Effect{Fails}, "no package manager"},
		{"dpkg -i /x.deb", alpine, []Effect{Fails}, "alpine:3.20 has apk instead"},
		{"DEBIAN_FRONTEND=noninteractive sudo -E apt-get install -y tzdata", debian, []Effect{Same}, ""},
		{"pip install numpy", python, []Effect{Different}, "the base's Python"},
		{"python3 -m pip install numpy", debian, []Effect{Different}, "the payload's"},
		{"uv pip install --system numpy", debian, []Effect{Same}, "uv"},
		{"npm install -g typescript", debian, []Effect{Fails}, "Node.js"},
		{"apt-get install -y npm && npm install -g typescript", debian, []Effect{Same, Unknown}, "is installed before"},
		{"curl -fsSL https://example.org/x.sh | bash", alpine, []Effect{Same, Same}, "the payload has it"},
		{"wget https://example.org/x", debian, []Effect{Fails}, "the old recipe installed it"},
		{"wget https://example.org/x", alpine, []Effect{Same}, "the base has it"},
		{"micromamba install -n openhands -y x", debian, []Effect{Fails}, "conda"},
		{"/openhands/micromamba/bin/micromamba run -n openhands poetry run pip install x", debian, []Effect{Different}, "use pip"},
		{"cp x /openhands/code/", debian, []Effect{Different}, "sealed payload"},
		{"source /etc/profile", debian, []Effect{Fails}, "bash -c"},
		{"if [ -e /x ]; then rm -rf /x; fi", debian, []Effect{Same, Same}, ""},
		{"echo 'a && b; c' > /x 2>&1", debian, []Effect{Same}, "part of the shell"},
		{"mkdir $(echo /a; echo /b)", debian, []Effect{Same}, ""},
		{"apt-get install -y \\\n  git \\\n  vim", debian, []Effect{Same}, ""},
		{"# nothing\n", debian, nil, ""},
		{"cargo install x", debian, []Effect{Unknown}, "an earlier command may bring it"},
	} {
		rows := judgeAll(test.command, test.base)
		var got []Effect
		for _, row := range rows {
			got = append(got, row.Effect)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q over %s, wanted (-) and got (+):\n%s%+v", test.command, test.base.Name, diff, rows)
		} else if len(rows) > 0 && !strings.Contains(rows[len(rows)-1].Why, test.why) {
			t.Errorf("%q over %s: %q does not say %q", test.command, test.base.Name, rows[len(rows)-1].Why, test.why)
		}
	}
}

func TestPrograms(t *testing.T) {
	got := programsOf("sudo apt-get install -y x && /usr/bin/foo | bar")
	for _, name := range []string{"apt-get", "foo", "bar", "apk"} {
		if !slices.Contains(got, name) {
			t.Errorf("%q lack %s", got, name)
		}
	}
}

func TestCompare(t *testing.T) {
	effects := func(rows []Row) map[string]Effect {
		all := map[string]Effect{}
		for _, row := range rows {
			all[row.Subject] = row.Effect
			if row.Effect != Same && row.Why == "" {
				t.Errorf("%s differs, and nothing says why", row.Subject)
			}
		}
		return all
	}
	same := compare(oldSide{Base: "debian:12", Version: "0.62.0", Browser: true}, newSide{Version: "0.62.0", Server: payload.ActionExecutionServer, Platform: "linux/amd64", Components: []string{"browser", "vscode"}})
	got := effects(same)
	for subject, want := range map[string]Effect{
		"base image": Same, "start command": Same, "browser": Same, "VS Code": Same, "version of OpenHands": Same, "image": Different, "/openhands": Different,
	} {
		if got[subject] != want {
			t.Errorf("%s: %q, want %q", subject, got[subject], want)
		}
	}
	if same[0].Effect != Different || same[len(same)-1].Effect != Same {
		t.Error("what differs does not stand first")
	}
	got = effects(compare(
		oldSide{Version: "0.60.0", Browser: true, Platform: "linux/arm64", ForceRebuild: true, ExtraBuildArgs: []string{"--no-cache"}},
		newSide{Version: "0.62.0", Server: payload.ActionExecutionServer, Platform: "linux/amd64", Components: []string{"core"}}))
	for subject, want := range map[string]Effect{
		"platform": Fails, "browser": Different, "VS Code": Different, "version of OpenHands": Different,
		"force_rebuild_runtime": Different, "runtime_extra_build_args": Different,
	} {
		if got[subject] != want {
			t.Errorf("%s: %q, want %q", subject, got[subject], want)
		}
	}
}

// Another server is another thing to OpenHands: nothing that depends on it is
// said to be the same, and there is nothing to switch.
func TestCompareWithAnotherServer(t *testing.T) {
	for _, version := range []string{"", "1.6.0", "1.58.2"} {
		rows := compare(oldSide{Base: "debian:12", Version: version, Browser: true},
			newSide{Version: "1.58.2", Server: payload.AgentServer, Platform: "linux/amd64", Components: []string{"browser", "vscode"}})
		var same []string
		for _, row := range rows {
			if row.Effect == Same {
				same = append(same, row.Subject)
			}
		}
		if want := []string{"base image", "browser"}; !slices.Equal(same, want) {
			t.Errorf("version %q: %q are the same, want %q", version, same, want)
		}
		if err := (Report{Rows: rows}).Obstacle(); err == nil || !strings.Contains(err.Error(), "build --server agent-server") {
			t.Errorf("version %q: %v", version, err)
		}
	}
}
