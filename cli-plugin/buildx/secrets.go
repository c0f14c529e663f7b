package buildx

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// maxSecret is the size in bytes of the largest secret that BuildKit takes.
const maxSecret = 500 << 10

// packageManagers are the names that HostSecrets knows, beside "ca".
var packageManagers = map[string]func(home string) []string{
	"pip": func(home string) []string {
		return []string{os.Getenv("PIP_CONFIG_FILE"), home + "/.config/pip/pip.conf", home + "/.pip/pip.conf", "/etc/pip.conf"}
	},
	"uv": func(home string) []string {
		return []string{os.Getenv("UV_CONFIG_FILE"), home + "/.config/uv/uv.toml", "/etc/uv/uv.toml"}
	},
	"npm": func(home string) []string {
		return []string{os.Getenv("NPM_CONFIG_USERCONFIG"), home + "/.npmrc"}
	},
	"apt": func(string) []string { return nil }, // the host may be of another distribution
}

// HostSecrets returns the files of this machine that a build may need to reach
// package indexes, by secret ID: the root certificates ("ca") and the settings
// of pip, uv, npm and apt. They are mounted while a step runs and are never
// part of an image. What given names replaces what is found; an empty name
// leaves the file out.
func HostSecrets(given map[string]string) (map[string]string, error) {
	secrets := map[string]string{}
	home, _ := os.UserHomeDir() // without one, its files are not found
	candidates := append([]string{os.Getenv("SSL_CERT_FILE"), os.Getenv("CURL_CA_BUNDLE"), os.Getenv("REQUESTS_CA_BUNDLE")}, payload.CertificateBundles()...)
	if file := firstFile(candidates, certificates); file != "" {
		secrets["ca"] = file
	}
	for name, places := range packageManagers {
		if file := firstFile(places(home), usable); file != "" {
			secrets[name] = file
		}
	}
	for name, file := range given {
		if _, known := packageManagers[name]; !known && name != "ca" {
			return nil, problem.New(problem.Usage, fmt.Sprintf("--package-config %s=%s names no package manager", name, file), nil,
				"The names are ca, "+strings.Join(slices.Sorted(maps.Keys(packageManagers)), ", "))
		}
		if file == "" {
			delete(secrets, name)
			continue
		}
		if !usable(file) {
			return nil, problem.New(problem.Usage, fmt.Sprintf("--package-config %s=%s is no readable file of at most %d KiB", name, file, maxSecret>>10), nil,
				"Name another file")
		}
		if name == "ca" && !certificates(file) {
			return nil, problem.New(problem.Usage, fmt.Sprintf("--package-config ca=%s holds no certificates in PEM, or a private key", file), nil,
				"Name the file with the certificates of your authorities")
		}
		absolute, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", file, err)
		}
		secrets[name] = absolute
	}
	return secrets, nil
}

// indexVariables are the settings of package managers that people make in the
// environment instead of a file.
var indexVariables = []string{
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",
	"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST",
	"NPM_CONFIG_REGISTRY", "npm_config_registry",
}

// IndexSettings returns the index settings of this process's environment as a
// shell script that exports them; empty where there are none. They may hold
// passwords, so a build gets them as a secret.
//
// Recipes use uv beside pip, which nobody needs to know who has pip set up: uv
// gets pip's index where it has none of its own, also that of the pip.conf
// among the files that the build gets.
func IndexSettings(files map[string]string) string {
	set := map[string]string{}
	for _, name := range indexVariables {
		if value := os.Getenv(name); value != "" {
			set[name] = value
		}
	}
	if files["uv"] == "" && set["UV_DEFAULT_INDEX"] == "" && set["UV_INDEX_URL"] == "" {
		conf, _ := os.ReadFile(files["pip"]) // pip says why it cannot be read
		for _, same := range []struct{ uv, pip, conf string }{
			{"UV_DEFAULT_INDEX", "PIP_INDEX_URL", "index-url"},
			{"UV_INSECURE_HOST", "PIP_TRUSTED_HOST", "trusted-host"},
		} {
			if value := cmp.Or(set[same.uv], set[same.pip], pipSetting(conf, same.conf)); value != "" {
				set[same.uv] = value
			}
		}
	}
	var script strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&script, "export %s='%s'\n", name, strings.ReplaceAll(set[name], "'", `'\''`))
	}
	return script.String()
}

// pipSetting is the value that a pip.conf has for name, in one line.
func pipSetting(conf []byte, name string) string {
	line := regexp.MustCompile(`(?m)^` + strings.Replace(name, "-", "[-_]", 1) + `[ \t]*[=:](.*(?:\n[ \t]+\S.*)*)`)
	if found := line.FindSubmatch(conf); found != nil {
		return strings.Join(strings.Fields(string(found[1])), " ")
	}
	return ""
}

func firstFile(candidates []string, fits func(file string) bool) string {
	if i := slices.IndexFunc(candidates, fits); i >= 0 {
		return candidates[i]
	}
	return ""
}

func usable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Size() <= maxSecret
}

// certificates reports whether a file can be handed to others as one of root
// certificates: it holds some, and no private key.
func certificates(file string) bool {
	if !usable(file) {
		return false
	}
	text, err := os.ReadFile(file)
	return err == nil && bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")) && !bytes.Contains(text, []byte("PRIVATE KEY"))
}

// proxyArgs are the build arguments that BuildKit hands to every step without
// keeping them in the image.
func proxyArgs() map[string]string {
	args := map[string]string{}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"} {
		for _, spelling := range []string{name, strings.ToLower(name)} {
			if value := os.Getenv(spelling); value != "" {
				args[spelling] = value
			}
		}
	}
	return args
}
