package runtimeapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRefused asks for what a runtime API must not take, or this one does not do.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, key, body string
		want                    int
		says                    string
	}{
		"wrong key":       {http.MethodGet, "/list", "other", "", http.StatusUnauthorized, "wrong key"},
		"unknown field":   {http.MethodPost, "/start", "key", `{"image": "i", "command": ["a"], "privileged": true}`, http.StatusBadRequest, "privileged"},
		"no command":      {http.MethodPost, "/start", "key", `{"image": "i", "command": " "}`, http.StatusBadRequest, "no command"},
		"unknown session": {http.MethodGet, "/sessions/other", "key", "", http.StatusNotFound, "other"},
		"unknown runtime": {http.MethodPost, "/stop", "key", `{"runtime_id": "other"}`, http.StatusNotFound, "other"},
		"other request":   {http.MethodPost, "/pause", "key", "{}", http.StatusNotImplemented, "/pause"},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			request.Header.Set("X-API-Key", c.key)
			answer := httptest.NewRecorder()
			(&Server{Key: "key"}).ServeHTTP(answer, request)
			if answer.Code != c.want || !strings.Contains(answer.Body.String(), c.says) {
				t.Errorf("%d %q, want %d with %q", answer.Code, answer.Body, c.want, c.says)
			}
		})
	}
}
