// Package migrate tells what changes for somebody who moves from a traditional
// image to one of two stages: Move finds the old image, has the new one built and
// starts both. What becomes of that, a report and its verdict, is worked out by
// functions that ask no engine.
package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Effect says how a subject fares.
type Effect string

// The effects.
const (
	Same      Effect = "same"
	Different Effect = "different"
	Unknown   Effect = "unknown" // only trying tells
	Fails     Effect = "fails"
)

// Row is one line of the comparison.
type Row struct {
	Subject string `json:"subject"`
	Effect  Effect `json:"effect"`
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
	Why     string `json:"why"`
}

// oldSide is what is known of the traditional side.
type oldSide struct {
	Base           string
	Image          string // reference; empty: OpenHands builds it by itself
	Version        string // of OpenHands; empty: not known
	ExtraDeps      string
	ExtraBuildArgs []string
	Platform       string
	ForceRebuild   bool
	Browser        bool
}

// newSide is what the two-stage side will be.
type newSide struct {
	Image      string
	Version    string
	Server     string // profile
	Platform   string
	Components []string
}

// compare lists what a user or a script can notice, what differs first.
func compare(o oldSide, n newSide) []Row {
	has := func(component string) bool { return slices.Contains(n.Components, component) }
	before := o.Image
	if before == "" {
		before = "none in this engine"
	}
	rows := []Row{
		{"image", Different, before, n.Image, "it has another name, so the old image and its tags stay as they are"},
		{"who builds", Different, "OpenHands, at a start", "'docker openhands build'", "with runtime_container_image OpenHands builds nothing; set it again after an upgrade of OpenHands"},
		{"Python of the server and of notebooks", Different, "3.12 of conda-forge", "3.13 under " + payload.Python, "packages that a notebook needs are installed with %pip, not with apt"},
		{"tools of the old recipe", Different, "build-essential, ffmpeg, wget, docker", "what the base has, then the payload's",
			"nothing is installed into the base, and the payload brings bash, GNU tools, git, curl, jq and rg: name in --extra-deps what your work compiles or converts with"},
		{"shell of agents", Different, "conda environment openhands active", "environment of the base", "'python' is the base's where it has one, else the payload's"},
		{"/openhands", Different, "belongs to openhands, writable", "belongs to root, read-only", "steps that write there fail for users; root's changes are found by 'docker openhands verify'"},
		{"base image", Same, o.Base, o.Base, "its files, programs and package manager are untouched"},
	}
	other := n.Server != payload.ActionExecutionServer
	if other {
		rows = append(rows, ofServer(payload.ServerNamed(n.Server))...)
	} else {
		rows = append(rows,
			Row{"start command", Same, "", "", "OpenHands' own argument list, environment and port work unchanged"},
			Row{"account", Same, payload.User, payload.User, "user ID 1000 unless the base has it, sudo without a password"},
			Row{"working directory, mounts", Same, payload.Workspace, payload.Workspace, ""})
	}
	if other {
		rows = append(rows, Row{"version", Different, o.Version, n.Version, "it is the other server's own, which OpenHands' does not tell"})
	} else if o.Version != "" && o.Version != n.Version {
		rows = append(rows, Row{"version of OpenHands", Different, o.Version, n.Version, "client and server should be of one version: --openhands-version " + o.Version})
	} else {
		rows = append(rows, Row{"version of OpenHands", Same, n.Version, n.Version, "the server comes from the same release and lock file"})
	}
	switch {
	case o.Browser && has("browser"):
		rows = append(rows, Row{"browser", Same, "Chromium of Playwright", "Debian's Chromium", "driven by the same version of Playwright"})
	case o.Browser:
		rows = append(rows, Row{"browser", Different, "yes", "no", "the payload was built without it"})
	default:
		rows = append(rows, Row{"browser", Same, "no", "no", "left out as before"})
	}
	if has("vscode") && other {
		rows = append(rows, Row{"VS Code", Different, "yes", "yes", "the server tells its address when it is asked"})
	} else if has("vscode") {
		rows = append(rows, Row{"VS Code", Same, "yes", "yes", "at the same path and port"})
	} else {
		rows = append(rows, Row{"VS Code", Different, "yes", "no", "the payload has none: leave vscode out of the plugins, or stay for now"})
	}
	if len(o.ExtraBuildArgs) > 0 {
		rows = append(rows, Row{"runtime_extra_build_args", Different, strings.Join(o.ExtraBuildArgs, " "), "not used",
			"no Dockerfile of yours is built; proxies and certificates go in by --package-config"})
	}
	if o.ForceRebuild {
		rows = append(rows, Row{"force_rebuild_runtime", Different, "true", "not used", "'docker openhands build --force-rebuild' does it"})
	}
	if o.Platform != "" {
		row := Row{"platform", Same, o.Platform, n.Platform, ""}
		if o.Platform != n.Platform {
			row.Effect, row.Why = Fails, fmt.Sprintf("this engine builds images for %s; use one of the other platform", n.Platform)
		}
		rows = append(rows, row)
	}
	return sorted(rows)
}

// ofServer are the rows about another server than that of traditional images.
// No OpenHands that reads the configuration which is migrated can start it.
func ofServer(s payload.Server) []Row {
	return []Row{
		{"server", Fails, payload.ActionExecutionServer, s.Name, "OpenHands with a config.toml starts no other server, so there is nothing to switch; 'docker openhands build --server " + s.Name + "' makes the image for what takes it"},
		{"start command", Different, "OpenHands' own argument list", "options of " + s.Name, ""},
		{"account", Different, payload.User + ", user ID " + strconv.Itoa(payload.DefaultID), payload.User + ", user ID " + strconv.Itoa(s.UID), "unless the base has it; the server itself runs as it"},
		{"working directory, mounts", Different, payload.Workspace, cmp.Or(s.Project, s.WorkingDir), ""},
	}
}

// sorted puts what needs attention first, and keeps the order otherwise.
func sorted(rows []Row) []Row {
	var all []Row
	for _, effect := range []Effect{Fails, Unknown, Different, Same} {
		for _, row := range rows {
			if row.Effect == effect {
				all = append(all, row)
			}
		}
	}
	return all
}
