package client

import (
	"fmt"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// kubernetes is a pod as small as one can be. /ready is answered with 200 once
// the server has started, and with 503 before.
func kubernetes(img Image, a *Advice) error {
	server := payload.ServerNamed(payload.AgentServer)
	a.text("a manifest", YAML,
		"apiVersion: v1",
		"kind: Pod",
		"metadata:",
		"  name: openhands-agent-server",
		"spec:",
		"  securityContext:",
		fmt.Sprintf("    runAsUser: %d", server.UID),
		fmt.Sprintf("    runAsGroup: %d", server.UID),
		fmt.Sprintf("    fsGroup: %d", server.UID),
		"  containers:",
		"    - name: agent-server",
		fmt.Sprintf("      image: %q", img.Name),
		"      args: [--host, 0.0.0.0, --port, \"8000\"]",
		"      env:",
		"        - name: OH_SESSION_API_KEYS_0",
		"          valueFrom: {secretKeyRef: {name: openhands-agent-server, key: session-key}}",
		"      ports: [{containerPort: 8000}]",
		"      startupProbe: {httpGet: {path: /ready, port: 8000}, periodSeconds: 2, failureThreshold: 60}",
		"      readinessProbe: {httpGet: {path: /ready, port: 8000}}",
		"      livenessProbe: {httpGet: {path: /health, port: 8000}, timeoutSeconds: 10, failureThreshold: 6}",
		"      volumeMounts: [{name: workspace, mountPath: /workspace}]",
		"  volumes: [{name: workspace, emptyDir: {}}]")
	a.notePull(img)
	a.note("The secret is yours: kubectl create secret generic openhands-agent-server --from-literal session-key=\"$(openssl rand -hex 32)\"")
	return nil
}
