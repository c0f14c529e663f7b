package request

import (
	"cmp"
	"context"
	"errors"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional/release"
	"github.com/docker-openhands/docker-openhands/templates"
)

// payloadSource reads what a payload takes of the user's sources; nil without
// any.
func payloadSource(folder string) (_ *plan.Source, err error) {
	if folder == "" {
		return nil, nil
	}
	source, err := traditional.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	files, err := source.PayloadFiles()
	return &plan.Source{Version: source.PayloadVersion(), Files: files}, err
}

// openSource opens the sources that the traditional mode works from: those in the
// user's folder, or those of a release, the newest where no version is given.
// They are there until closeSource. A note says where nothing vouches for them.
func openSource(ctx context.Context, folder, version string, view *progress.View) (_ *traditional.Source, closeSource func() error, err error) {
	if folder != "" {
		source, err := traditional.Open(folder)
		if err != nil {
			return nil, nil, err
		}
		return source, source.Close, nil
	}
	components, err := templates.Components()
	if err != nil {
		return nil, nil, err
	}
	version = cmp.Or(version, plan.DefaultVersion(components, plan.DefaultServer))
	r, err := release.New(version, templates.ReleaseHashes(components, plan.DefaultServer, version))
	if err != nil {
		return nil, nil, err
	}
	if len(r.Hashes) == 0 {
		view.Logf("note: no hash of OpenHands %s is known here: its sources are what the Python index gives", r.Version)
	}
	step := view.Wait("fetching OpenHands " + r.Version + " from the Python index")
	dir, remove, err := r.Sources(ctx)
	step.End(err)
	if err != nil {
		return nil, nil, err
	}
	source, err := traditional.Open(dir)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return source, func() error { return errors.Join(source.Close(), remove()) }, nil
}
