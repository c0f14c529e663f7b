//go:build linux

package hostile

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	gocmp "github.com/google/go-cmp/cmp"
)

// verdict is what came of a case.
type verdict struct {
	Outcome  string   // "image", or the code of the problem
	Message  string   // of the problem
	Unpacked bool     // there was a root file system to compare with
	Failures []string // what should not be
	Resident int64    // the most memory that the process has ever had, in bytes
}

// code of an image that was made.
const outcomeImage = "image"

// judge builds over the case's image and looks at the outcome. An error is
// about the test, not about the case.
func (w *workshop) judge(ctx context.Context, c Case, scratch string) (verdict, error) {
	image, err := c.Image()
	if err != nil {
		return verdict{}, err
	}
	published, err := image.Publish()
	if err != nil {
		return verdict{}, err
	}
	v := verdict{Outcome: outcomeImage}
	fail := func(format string, args ...any) { v.Failures = append(v.Failures, fmt.Sprintf(format, args...)) }
	request := c.Request()
	made, err := w.build(ctx, published, request)
	if err != nil {
		var p *problem.Error
		if !errors.As(problem.Final(ctx, err), &p) {
			return verdict{}, fmt.Errorf("an error without a code: %w", err)
		}
		v.Outcome, v.Message = string(p.Code), p.Error()
		if p.Code == problem.Unforeseen || p.Code == problem.Interrupted {
			fail("the error has the code %s: %v", p.Code, err)
		}
	}
	tree, refusal := image.Flatten()
	if refusal != nil {
		return v, nil // no engine unpacks it, so there is nothing to compare with
	}
	v.Unpacked = true
	if made != nil {
		v.Failures = append(v.Failures, judgeLayer(tree, made.setup, request)...)
		v.Failures = append(v.Failures, judgeConfig(image, made)...)
	}
	failures, err := judgeFolder(tree, image.Config.Config.Env, made, request, scratch)
	v.Failures = append(v.Failures, failures...)
	return v, err
}

// documented are the paths of the set-up layer beside homes, see
// docs/architecture.md.
var documented = []string{
	"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/profile", "etc/profile.d/zz-openhands.sh",
	"etc/ssl/certs/ca-certificates.crt", "etc/sudoers", "etc/sudoers.d/zz-openhands",
	"bin/sh", "bin/bash", "usr/bin/env", "usr/bin/sudo",
	".", "home", "run", "tmp", "var/tmp", "workspace", "workspace/project",
	"usr/local/bin/openhands-agent-server", "agent-server/.venv/bin/python",
}

// ours are files that set-up may replace as a whole.
var ours = []string{"etc/profile.d/zz-openhands.sh", "etc/sudoers.d/zz-openhands", "usr/bin/sudo"}

// links are those that may be in the place of what is no use: a link that leads
// nowhere, an empty file.
var links = []string{"bin/sh", "bin/bash", "usr/bin/env", "etc/ssl/certs/ca-certificates.crt"}

// judgeLayer holds the set-up layer to what it may do to the base.
func judgeLayer(base Tree, layer []Entry, q Request) (failures []string) {
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	after := maps.Clone(base)
	for _, e := range layer {
		after.put(e)
	}
	// Where the documented paths are: the links on the way are the base's.
	at := map[string]string{} // resolved paths, and the documented ones
	allow := func(name string) {
		for _, last := range []bool{false, true} {
			if resolved, err := base.locate(name, last); err == nil {
				at[resolved] = name
			}
		}
	}
	for _, name := range documented {
		allow(name)
	}
	homes := []string{}
	for _, name := range []string{q.User, "root"} {
		home := homeOf(after, name)
		if home == "" {
			continue
		}
		resolved, err := base.Resolve(home)
		if err != nil {
			continue
		}
		if _, there := base[resolved]; !there {
			homes = append(homes, resolved) // may be filled from the skeleton
		}
		allow(home)
		for _, file := range []string{".bashrc", ".bash_profile", ".bash_login", ".profile"} {
			allow(path.Join(home, file))
		}
	}
	workspace, _ := base.Resolve("workspace")
	userHome, _ := base.Resolve(cmp.Or(homeOf(after, q.User), "nowhere"))
	within := func(name, dir string) bool { return dir == "." || name == dir || strings.HasPrefix(name, dir+"/") }
	for _, e := range layer {
		old, there := base[e.Name]
		_, known := at[e.Name]
		known = known || slices.ContainsFunc(homes, func(home string) bool { return within(e.Name, home) })
		leads := e.Typeflag == tar.TypeDir && slices.ContainsFunc(layer, func(other Entry) bool { return strings.HasPrefix(other.Name, e.Name+"/") })
		if !known && !leads {
			fail("%q is in the set-up layer", e.Name)
		}
		for parent := path.Dir(e.Name); parent != "."; parent = path.Dir(parent) {
			if p, there := base[parent]; there && p.Typeflag != tar.TypeDir {
				fail("%q is led through %q of the base, which is no folder", e.Name, parent)
			}
		}
		same := there && old.Uid == e.Uid && old.Gid == e.Gid
		if e.Uid != 0 && !same && !within(e.Name, workspace) && !within(e.Name, userHome) {
			fail("%q belongs to %d:%d", e.Name, e.Uid, e.Gid)
		}
		if !there {
			continue
		}
		name := at[e.Name]
		switch {
		case old.Typeflag != e.Typeflag:
			useless := old.Typeflag == tar.TypeSymlink || old.Typeflag == tar.TypeReg && old.Content == ""
			if !slices.Contains(links, name) || !useless {
				fail("%q of the type %q is replaced by one of the type %q", e.Name, old.Typeflag, e.Typeflag)
			}
		case slices.Contains(ours, name):
		case !same || old.Mode&^0o1777 != e.Mode&^0o1777 || old.Mode != e.Mode && name != "tmp" && name != "var/tmp" && e.Name != ".":
			fail("%q was %o of %d:%d and is %o of %d:%d", e.Name, old.Mode, old.Uid, old.Gid, e.Mode, e.Uid, e.Gid)
		case e.Typeflag == tar.TypeReg && !keepsLines(old.whole(), e.Content, name == "etc/group" || name == "etc/gshadow"):
			fail("%q lacks lines of the base", e.Name)
		}
	}
	return failures
}

// whole is the content of a file, with the bytes that are in no tar stream.
func (e Entry) whole() string { return e.Content + strings.Repeat("\x00", int(e.Hole)) }

// homeOf is the home of an account, without a slash at either end; empty where
// there is none or it is the root.
func homeOf(t Tree, name string) string {
	resolved, err := t.Resolve("etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(t[resolved].Content) {
		if fields := strings.Split(strings.TrimRight(line, "\r\n"), ":"); fields[0] == name && len(fields) > 5 && fields[2] != "" && strings.HasPrefix(fields[5], "/") {
			return strings.TrimPrefix(path.Clean(fields[5]), "/")
		}
	}
	return ""
}

// keepsLines reports whether all lines of before are in after, in their order. With
// members, a line of a group may go on.
func keepsLines(before, after string, members bool) bool {
	rest := strings.Split(after, "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(before, "\n"), "\n") {
		at := slices.IndexFunc(rest, func(l string) bool {
			return l == line || members && strings.HasPrefix(line, "sudo:") && strings.HasPrefix(l, "sudo:")
		})
		if at < 0 && line != "" {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// judgeConfig holds the runtime image's configuration to its layers.
func judgeConfig(base *Image, m *made) (failures []string) {
	if n := len(m.config.RootFS.DiffIDs); n != m.layers {
		failures = append(failures, fmt.Sprintf("the configuration names %d layers of %d", n, m.layers))
	}
	if m.layers < len(base.Layers)+2 {
		failures = append(failures, fmt.Sprintf("%d layers over a base of %d", m.layers, len(base.Layers)))
	}
	return failures
}

// judgeFolder carries out the Dockerfile form of set-up and what a container
// does at its start, in a folder, and compares with the image that was made.
func judgeFolder(base Tree, env []string, m *made, q Request, scratch string) (failures []string, err error) {
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	root, err := os.MkdirTemp(scratch, "root-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	tree := Tree{".": dir(".", 0o755)}
	maps.Copy(tree, base)
	for _, e := range payloadFiles {
		e.Name = clean(e.Name)
		tree.put(e)
	}
	if err := tree.unpack(root); err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	before, err := snapshot(root)
	if err != nil {
		return nil, err
	}
	options := setup.Options{User: q.User, UID: q.UID, Sudo: q.Sudo, Server: q.Server, Arch: "amd64"}
	for _, variable := range slices.Backward(env) { // the first one counts
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			options.Path = value
		}
	}
	changes, planErr := planOf(root, options)
	if planErr != nil {
		if m != nil {
			fail("an image is made, and the Dockerfile form ends with: %v", planErr)
		}
		return failures, nil
	}
	if m == nil {
		return failures, nil
	}
	var layer bytes.Buffer
	if err := setup.WriteTar(&layer, changes, time.Time{}); err != nil {
		return nil, err
	}
	planned, err := untar(&layer)
	if err != nil {
		return nil, err
	}
	if diff := gocmp.Diff(short(m.setup), short(planned)); diff != "" {
		fail("the set-up layer (-) and the Dockerfile form (+) differ:\n%s", diff)
	}
	if err := setup.Apply(root, changes); err != nil {
		fail("the Dockerfile form ends with: %v", err)
		return failures, nil
	}
	after, err := snapshot(root)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, c := range changes {
		changed[clean(c.Path)] = true
	}
	for name, s := range before {
		if !changed[name] && after[name] != s {
			fail("%q changes from %v to %v, and is not in the plan", name, s, after[name])
		}
	}
	for name := range after {
		if _, there := before[name]; !there && !changed[name] {
			fail("%q is made, and is not in the plan", name)
		}
	}
	if again, err := planOf(root, options); err != nil || len(again) > 0 {
		fail("a second set-up comes to %q and %v", short(pathsOf(again)), err)
	}
	// It may well say that it cannot vouch for what is there.
	_ = setup.Restore(root, q.User)
	started, err := snapshot(root)
	if err != nil {
		return nil, err
	}
	if diff := gocmp.Diff(after, started); diff != "" {
		fail("a start changes what set-up made:\n%s", diff)
	}
	return failures, nil
}

func planOf(root string, o setup.Options) ([]setup.Change, error) {
	view, err := setup.DirView(root)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	changes, _, err := setup.Plan(view, o)
	return changes, err
}

func pathsOf(changes []setup.Change) (entries []Entry) {
	for _, c := range changes {
		entries = append(entries, Entry{Header: tar.Header{Name: c.Path}})
	}
	return entries
}

// short describes entries in a line each.
func short(entries []Entry) []string {
	var all []string
	for _, e := range entries {
		content := e.Content
		if len(content) > 2000 {
			content = content[:1000] + "..." + content[len(content)-1000:]
		}
		all = append(all, fmt.Sprintf("%q %q %o %d:%d -> %q %q", e.Name, e.Typeflag, e.Mode, e.Uid, e.Gid, e.Linkname, content))
	}
	return all
}
