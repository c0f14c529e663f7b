package main

// secrets are the variables that keep others from being the servers' clients, or
// from reading what they keep. They are for the servers alone. Of what starts a
// process for a session, the agent server takes away the same by itself.
var secrets = []string{
	"SESSION_API_KEY", "OH_SESSION_API_KEYS_*", "OH_SECRET_KEY", "OH_PREVIOUS_SECRET_KEYS*",
	"LMNR_PROJECT_API_KEY", "OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
}

func (e *environ) forget(patterns []string) {
	for _, pattern := range patterns {
		e.unset(pattern)
	}
}
