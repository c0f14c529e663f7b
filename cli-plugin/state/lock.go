package state

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

// locksFolder has a file for each thing that is locked.
const locksFolder = "builds"

// Lock keeps the thing that key names for one process of the user at a time,
// and waits for it as long as ctx lasts. Waiting is called once where another
// process, of that ID, holds it. An error that is not ctx's is that of a user
// without a cache folder to lock a file in.
func Lock(ctx context.Context, key string, waiting func(process string)) (unlock func(), err error) {
	dir, err := Folder(locksFolder)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, Hash(key))
	told := false
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		lock, err := tryLock(name)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			_ = os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())), 0o600) // for the lines below, in another process
			return func() { dropLock(lock) }, nil
		}
		if holder, _ := os.ReadFile(name); !told && len(holder) > 0 {
			told = true
			waiting(strings.TrimSpace(string(holder)))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

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

// Hash returns 32 hexadecimal digits for a text that is to be part of a file's
// name.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
