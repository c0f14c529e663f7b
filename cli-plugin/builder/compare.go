package builder

import (
	"cmp"
	"context"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Programs tells which of the named programs a base has in its PATH. Nothing
// of the base runs.
func (b *Builder) Programs(ctx context.Context, base string, names []string) (map[string]bool, error) {
	has := map[string]bool{}
	found, err := local{b.native()}.base(ctx, base)
	if err != nil || found == nil { // nil: scratch
		return has, err
	}
	path := cmp.Or(image.SearchPath(found.Config.Config.Env), payload.SystemPath)
	err = b.Engine.Paths(ctx, found.ID, func(exists func(string) (bool, error)) error {
		for dir := range strings.SplitSeq(path, ":") {
			// A folder that is not there spares its programs.
			if there, err := exists(dir); err != nil || !there {
				if err != nil {
					return err
				}
				continue
			}
			for _, name := range names {
				there, err := exists(dir + "/" + name)
				if err != nil {
					return err
				}
				has[name] = has[name] || there
			}
		}
		return nil
	})
	return has, err
}
