package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/bundler"
	clients "github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Trials are starts of a runtime image, beside the checks for which nothing of it
// runs.
type Trials struct {
	Live bool            // as its own user and as one that it does not know
	As   []clients.Start // as clients of OpenHands start it
}

// Verify makes all checks of an image that was asked for as ref, and starts its
// server for trials.
func (c Client) Verify(ctx context.Context, ref string, found *image.Image, t Trials) (verify.Report, error) {
	facts, err := c.facts(ctx, found)
	if err != nil {
		return verify.Report{}, err
	}
	facts.Live = t.Live && facts.Labels[payload.LabelKind] == payload.KindRuntime
	findings := verify.Static(facts)
	c.found(findings...)
	var servers []verify.Server
	if facts.Live {
		manifest, _ := payload.ParseManifest(facts.Manifest) // its faults are among the findings
		more, alive, err := c.live(ctx, found, manifest.Components)
		if err != nil {
			return verify.Report{}, err
		}
		findings, servers = append(findings, more...), alive
	}
	driven, as, err := c.as(ctx, found, t.As)
	if err != nil {
		return verify.Report{}, err
	}
	report := verify.NewReport(ref, found.ID, append(findings, driven...))
	report.Live, report.Servers, report.Clients = facts.Live || len(as) > 0, servers, as
	return report, nil
}

// found tells of findings.
func (c Client) found(findings ...payload.Finding) {
	for _, f := range findings {
		if c.Found != nil {
			c.Found(f)
		}
	}
}

// facts gathers what can be known about an image without running anything
// of it: its payload is read, as it lies there, by this program.
func (c Client) facts(ctx context.Context, found *image.Image) (verify.Facts, error) {
	config := found.Config.Config
	facts := verify.Facts{
		Architecture: found.Config.Architecture, Labels: found.Labels(), Layers: found.DiffIDs(), Paths: map[string]bool{},
		Env: config.Env, Entrypoint: config.Entrypoint, WorkingDir: config.WorkingDir,
	}
	if id := facts.Labels[payload.LabelDepsDigest]; id != "" {
		deps, err := c.Engine.Image(ctx, id)
		if err != nil {
			return facts, err
		}
		if deps != nil {
			facts.DepsLayers = deps.DiffIDs()
		}
	}
	if facts.Labels[payload.LabelKind] == "" {
		return facts, nil // there is no payload to look at
	}
	step := c.View.Wait("reading the payload of " + found.Ref)
	err := examine(ctx, c.Engine, found.ID, &facts)
	step.End(err)
	return facts, err
}

// examine reads the payload of an image. What is wrong with it is a fact, and
// no error.
func examine(ctx context.Context, e *engine.Engine, id string, facts *verify.Facts) error {
	var tree *bundler.Tree
	var unreadable error
	err := e.Files(ctx, id, payload.Prefix, func(content io.Reader) error {
		tree, unreadable = bundler.ReadTree(ctx, content, bundler.TreeOptions{
			Prefix: payload.Prefix, Keep: []string{payload.ManifestFile, payload.AllowFile},
		})
		return ctx.Err()
	})
	switch {
	case cerrdefs.IsNotFound(err):
		facts.SealErr = fmt.Errorf("the image has no %s", payload.Prefix)
		return nil
	case err != nil:
		return err
	case unreadable != nil:
		facts.SealErr = unreadable
		return nil
	}
	facts.Manifest = tree.Content(payload.ManifestFile)
	for _, path := range verify.Paths(facts.Manifest) {
		facts.Paths[path] = tree.Has(path)
	}
	allow, err := bundler.ParseAllowances(bytes.NewReader(tree.Content(payload.AllowFile)))
	if err != nil {
		facts.SealErr = fmt.Errorf("%s: %w", payload.AllowFile, err)
		return nil
	}
	facts.Seal, facts.SealErr = tree.Verify(ctx, bundler.VerifyOptions{Links: payload.OutsideLinks(), Allow: allow})
	if facts.Seal != nil {
		facts.Seal.Offenders = append(facts.Seal.Offenders, tree.Permissions()...)
	}
	return ctx.Err()
}
