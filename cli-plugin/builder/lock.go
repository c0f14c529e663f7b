package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockInterval is how often a lock that another process holds is tried.
const lockInterval = 200 * time.Millisecond

// tryLock locks the file name, which is made if needed, and returns nil where
// another process holds it. The lock ends with the process, however that ends.
func tryLock(name string) (*flock.Flock, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	for {
		lock := flock.New(name)
		ok, err := lock.TryLock()
		if !ok || err != nil {
			return nil, err
		}
		// Its last holder may have removed the file after it was opened here.
		held, err := lock.Stat()
		if err != nil {
			return nil, err
		}
		if there, err := os.Stat(name); err == nil && os.SameFile(held, there) {
			return lock, nil
		}
		if err := lock.Unlock(); err != nil {
			return nil, err
		}
	}
}

// dropLock removes the file and then gives the lock up.
func dropLock(lock *flock.Flock) {
	_ = os.Remove(lock.Path()) // a file that stays is locked by nobody
	_ = lock.Unlock()
}

// lock keeps the image ref of this engine for one process of the user at a
// time: what another one makes under that name is waited for. Where the user
// has no cache folder to lock a file in, nobody is kept out.
func (b *Builder) lock(ctx context.Context, ref string) (unlock func(), err error) {
	name, err := b.Engine.lockFile(ref)
	told := false
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for err == nil {
		lock, lockErr := tryLock(name)
		if lockErr != nil {
			err = lockErr
			break
		}
		if lock != nil {
			_ = os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o600) // for the line below, in another process
			return func() { dropLock(lock) }, nil
		}
		if holder, _ := os.ReadFile(name); !told && len(holder) > 0 {
			told = true
			b.logf("waiting for the build of %s by process %s", ref, strings.TrimSpace(string(holder)))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
	b.logf("going on without a lock of %s: %v", ref, err)
	return func() {}, nil
}

// lockFile is the file that stands for the image ref of this engine.
func (e *Engine) lockFile(ref string) (string, error) {
	dir, err := cacheDir("builds")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, shortHash(e.id+"\x00"+ref)), nil
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
