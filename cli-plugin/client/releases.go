package client

// bundle is a release of OpenHands' application, the package openhands-ai of
// the Python index, and the release of the agent server that it requires.
type bundle struct{ application, server string }

// bundles are read from the requirements of the package, the newest last.
func bundles() []bundle {
	return []bundle{
		{"1.7.0", "1.19.1"}, {"1.8.0", "1.27.0"}, {"1.9.0", "1.31.1"}, {"1.10.0", "1.33.0"}, {"1.11.0", "1.34.0"},
	}
}

// compareRelease says with which release of the application an image was made to
// work, or what the newest one comes with.
func (a *Advice) compareRelease(version string) {
	if version == "" {
		return
	}
	all := bundles()
	for _, b := range all {
		if b.server == version {
			a.note("The image has the agent server %s, as release %s of the application comes with.", version, b.application)
			return
		}
	}
	newest := all[len(all)-1]
	a.warn("The image has the agent server %s. Release %s of the application comes with %s: for the same one build with --openhands-version %[3]s.",
		version, newest.application, newest.server)
}
