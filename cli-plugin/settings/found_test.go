package settings

import (
	"strings"
	"testing"
)

func TestUnknownSettingReachesAnything(t *testing.T) {
	if (Value{Setting: Setting{Name: "new"}}).beyond() == within {
		t.Error("a setting that is not known may be chosen")
	}
}

func TestHarmlessArguments(t *testing.T) {
	for text, want := range map[string]bool{
		"":                           true,
		"--no-cache --pull":          true,
		"--build-arg A=b --label=a":  true,
		"--network none":             true,
		"--network=default":          true,
		"--add-host a:1.2.3.4":       true,
		"--shm-size 1g --ulimit a=1": true,
		"--target x --platform y":    true,
		"--no-cache-filter x":        true,
		"--progress plain":           true,
		"--pull=false":               true,

		"--build-arg HOME":                   false, // of the environment
		"--build-arg A=b --build-arg TOKEN":  false,
		"--build-arg=BUILDKIT_SYNTAX=a/b":    false, // another program to read the Dockerfile
		"--network host":                     false,
		"--network=container:x":              false,
		"--network none --network host":      false,
		"--file x":                           false,
		"-f x":                               false,
		"-fx":                                false,
		"--build-context h=/":                false,
		"--secret id=a,src=b":                false,
		"--ssh default":                      false,
		"--allow security.insecure":          false,
		"--output type=local,dest=x":         false,
		"-o x":                               false,
		"--metadata-file x":                  false,
		"--iidfile x":                        false,
		"--cache-to type=local,dest=x":       false,
		"--cache-from type=local,src=x":      false,
		"--push":                             false,
		"--load":                             false,
		"--tag a":                            false,
		"-t a":                               false,
		"--builder x":                        false,
		"--config x":                         false,
		"--debug":                            false,
		"--help":                             false,
		"-h":                                 false,
		"--sbom=generator=x":                 false,
		"--cgroup-parent x":                  false,
		"--new-one":                          false,
		"/etc":                               false, // another context
		"--no-cache /etc":                    false,
		"--no-cache -- /etc":                 false,
		"--label":                            false,
		"'":                                  false,
		"--progress --file=x /":              false,
		"--build-arg 'A=b' --progress=x '/'": false,
	} {
		if harmlessArguments([]string{text}) != want {
			t.Errorf("%s: harmless is %v", text, !want)
		}
	}
	if !harmlessArguments([]string{"--build-arg", "'A=it'\"'\"'s --file x'"}) {
		t.Error("a value with blanks is not harmless")
	}
}

func TestAsFlags(t *testing.T) {
	for want, v := range map[string]Value{
		"--package-config ca=/x --package-config 'pip=it'\\''s'": {Setting: Setting{Name: "package-config", Kind: List}, Texts: []string{"ca=/x", "pip=it's"}},
		"--metadata-file /tmp/a,b":                               {Setting: Setting{Name: "metadata-file", Kind: Text}, Texts: []string{"/tmp/a,b"}},
		"--extra-build-args '--file x'":                          {Setting: Setting{Name: "extra-build-args", Kind: Words}, Texts: []string{"--file", "x"}},
	} {
		if got := v.asFlags(); got != want {
			t.Errorf("got %s, want %s", got, strings.TrimSpace(want))
		}
	}
}
