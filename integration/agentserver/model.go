package agentserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Action is a call of one of the agent's tools.
type Action struct {
	Tool      string
	Arguments map[string]any
}

// Model answers the agent in the form of OpenAI's chat completions: with one
// action after the other, then with the end of the conversation.
type Model struct {
	actions []Action

	mu      sync.Mutex
	results []string
}

// NewModel returns a model that has the agent carry out the actions.
func NewModel(actions ...Action) *Model { return &Model{actions: actions} }

// Results are what the tools said of the actions, in their order.
func (m *Model) Results() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results
}

// ServeHTTP answers with the first action of which the conversation does not
// hold a result yet, so that it may be asked the same twice.
func (m *Model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var results []string
	for _, message := range request.Messages {
		if message.Role == "tool" {
			results = append(results, text(message.Content))
		}
	}
	m.mu.Lock()
	m.results = results
	m.mu.Unlock()

	next := Action{"finish", map[string]any{"message": "done"}}
	if len(results) < len(m.actions) {
		next = m.actions[len(results)]
	}
	arguments, err := json.Marshal(next.Arguments)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // an agent that has gone needs no answer
		"id": fmt.Sprintf("answer-%d", len(results)), "object": "chat.completion", "created": 0, "model": "stand-in",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "tool_calls", "message": map[string]any{
			"role": "assistant", "content": "",
			"tool_calls": []any{map[string]any{
				"id": fmt.Sprintf("call-%d", len(results)), "type": "function",
				"function": map[string]string{"name": next.Tool, "arguments": string(arguments)},
			}},
		}}},
		"usage": map[string]int{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
	})
}

// text is the content of a message, which is a string or a list of parts.
func text(content json.RawMessage) string {
	var plain string
	if json.Unmarshal(content, &plain) == nil {
		return plain
	}
	var parts []struct{ Text string }
	if json.Unmarshal(content, &parts) != nil {
		return string(content)
	}
	var all strings.Builder
	for _, part := range parts {
		all.WriteString(part.Text)
	}
	return all.String()
}
