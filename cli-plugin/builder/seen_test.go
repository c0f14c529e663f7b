package builder

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress/progresstest"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/go-units"
	"github.com/moby/buildkit/util/progress/progressui"
)

// slowly is a line of so many bytes a second.
type slowly struct {
	io.ReadCloser
	rate int
}

func (s slowly) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p[:min(len(p), s.rate/50)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate))
	return n, err
}

// At a terminal the bytes of a layer are seen to go up over a slow line, no row is
// wider than the terminal, and in the end what is left is whole.
func TestPushIsSeen(t *testing.T) {
	const width, size, rate = 80, 16 << 20, 4 << 20 // bytes, of which a system takes in four million at once
	s, r := newFakeStore(t, false), newTestRegistry(t)
	slow := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		request.Body = slowly{request.Body, rate}
		r.ServeHTTP(w, request)
	}))
	slow.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetReadBuffer(16 << 10) // else it takes in more
		return ctx
	}
	slow.Start()
	defer slow.Close()
	r.Host = strings.TrimPrefix(slow.URL, "http://")
	_, whole := r.publication(t, s)
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for i := range noise {
		noise[i] = 'A' + noise[i]%62 // what the store takes for content
	}
	r.put(t, s, whole.Deps.Image, map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: testTag},
		[]string{"openhands/", "openhands/manifest.json={}"}, []string{"openhands/python=" + string(noise)})
	whole.Runtimes[0].Tags = []string{r.Host + "/a-team-with-a-long-name/an-application-with-a-long-name:1"}

	screen := progresstest.NewScreen(t, width)
	b := publishing(s.engine(), Output{Push: true, Compression: image.Gzip})
	b.Log, b.Progress = screen, progressui.AutoMode
	if _, err := b.Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	seen := screen.Text(t)
	t.Log("\n" + seen)

	drawn := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`).ReplaceAllString(screen.Drawn(), "\n")
	for row := range strings.Lines(drawn) {
		if row = strings.Trim(row, "\r\n"); len(row) > width && strings.HasPrefix(row, " =>") {
			t.Errorf("%d columns: %q", len(row), row)
		}
	}
	last, steps := int64(-1), 0
	for _, sent := range regexp.MustCompile(`layer 2 of 2 ([0-9.]+[kM]?B) / [0-9.]+MB`).FindAllStringSubmatch(drawn, -1) {
		now, err := units.FromHumanSize(sent[1])
		if err != nil {
			t.Fatal(err)
		}
		if now < last {
			t.Errorf("after %d bytes there are %d", last, now)
		}
		if now > last {
			last, steps = now, steps+1
		}
	}
	if steps < 5 {
		t.Errorf("it is seen to go on %d times:\n%q", steps, drawn)
	}
	for _, want := range []string{"[+] Pushing 0.0s (1/1) FINISHED\n", " => pushing " + r.Host + "/a-team-with-a-long-name/an-", "pushed " + r.Host + "/a-team-with-a-long-name/"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not left in\n%s", want, seen)
		}
	}
}
