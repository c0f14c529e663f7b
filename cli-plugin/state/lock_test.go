package state

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// One holder at a time, also while files come and go.
func TestTryLockExcludes(t *testing.T) {
	name := filepath.Join(t.TempDir(), "made", "lock")
	inside, most := 0, 0
	var count sync.Mutex
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for done := 0; done < 50; {
				lock, err := tryLock(name)
				if err != nil {
					t.Error(err)
					return
				}
				if lock == nil {
					continue
				}
				count.Lock()
				inside++
				most = max(most, inside)
				count.Unlock()
				done++
				count.Lock()
				inside--
				count.Unlock()
				dropLock(lock)
			}
		})
	}
	group.Wait()
	if most != 1 {
		t.Errorf("%d held the lock at once", most)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}
