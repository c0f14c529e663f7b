package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/config/configfile"
)

// A registry that has many tags, or says that there are always more, is not
// followed for ever.
func TestTags(t *testing.T) {
	var answer func(w http.ResponseWriter, page int)
	pages := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			pages++
			answer(w, pages)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	list := func(w http.ResponseWriter, tags []string) {
		if err := json.NewEncoder(w).Encode(map[string]any{"name": "team/app", "tags": tags}); err != nil {
			t.Error(err)
		}
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprint("tag", i)
	}
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, page int)
		tags   int
		excess bool
		code   problem.Code
	}{
		"all of them": {func(w http.ResponseWriter, _ int) { list(w, many) }, 100, false, ""},
		"several pages": {func(w http.ResponseWriter, page int) {
			if page < 3 {
				w.Header().Set("Link", `</v2/team/app/tags/list?last=x>; rel="next"`)
			}
			list(w, many[:50])
		}, 150, false, ""},
		"too many": {func(w http.ResponseWriter, page int) {
			w.Header().Set("Link", `</v2/team/app/tags/list?last=x>; rel="next"`)
			list(w, many)
		}, 0, true, ""},
		"a document without an end": {func(w http.ResponseWriter, _ int) {
			_, _ = w.Write([]byte(`{"tags": [`)) // the other side may have gone
			for range 200_000 {
				_, _ = w.Write([]byte(`"x",`))
			}
		}, 0, false, problem.TooLarge},
		"none":       {func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusNotFound) }, 0, false, problem.NotFound},
		"no answer":  {func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusForbidden) }, 0, false, problem.RegistryDenied},
		"other text": {func(w http.ResponseWriter, _ int) { _, _ = w.Write([]byte("hello")) }, 0, false, problem.RegistryFailed},
	} {
		t.Run(name, func(t *testing.T) {
			answer, pages = test.answer, 0
			c := &Client{Config: configfile.New(""), Logf: t.Logf}
			tags, err := c.Tags(t.Context(), host+"/team/app", 1000)
			var excess *image.ExcessError
			var p *problem.Error
			switch {
			case test.excess:
				if !errors.As(err, &excess) || pages > 12 {
					t.Errorf("%v after %d pages", err, pages)
				}
			case test.code != "":
				if !errors.As(err, &p) || p.Code != test.code {
					t.Errorf("%v, want %s", err, test.code)
				}
			case err != nil || len(tags) != test.tags:
				t.Errorf("%d tags, %v", len(tags), err)
			}
		})
	}
}
