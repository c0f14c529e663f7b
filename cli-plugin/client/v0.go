package client

import "fmt"

// v0 reads config.toml (core/config/sandbox_config.py of openhands-ai 1.6.0).
func v0(img Image, a *Advice) error {
	a.text("config.toml of OpenHands V0", TOML,
		"[sandbox]",
		fmt.Sprintf("runtime_container_image = %q", img.Name))
	return nil
}
