package builder

import (
	"context"

	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
)

// lock keeps the image ref of this engine for one process of the user at a
// time: what another one makes under that name is waited for. Where the user
// has no cache folder to lock a file in, nobody is kept out.
func (b *Builder) lock(ctx context.Context, ref string) (unlock func(), err error) {
	unlock, err = state.Lock(ctx, b.Engine.ID+"\x00"+ref, func(process string) {
		b.Logf("waiting for the build of %s by process %s", ref, process)
	})
	if err != nil && ctx.Err() == nil {
		b.Logf("going on without a lock of %s: %v", ref, err)
		return func() {}, nil
	}
	return unlock, err
}
