package registry

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// NoPlatformError says that an image is there for other platforms than the one
// that was asked for.
type NoPlatformError struct {
	Wanted string   // OS/ARCHITECTURE
	Have   []string // in the same form, some of them
}

func (e *NoPlatformError) Error() string {
	have := "no platform at all"
	if len(e.Have) > 0 {
		have = strings.Join(e.Have, ", ")
	}
	return fmt.Sprintf("it is there for %s, not for %s", have, e.Wanted)
}

// linux is the platform of images for Linux on an architecture of GOARCH form.
func linux(arch string) v1.Platform { return v1.Platform{OS: "linux", Architecture: arch} }

// The names of platforms that an error tells are at most so many, and at most
// so many bytes long each: an index is somebody else's.
const (
	maxPlatforms    = 16
	maxPlatformName = 40
)

// forPlatform returns the image of a descriptor: of an index the first one for
// the platform, as engines take it. An image that is in no index is returned
// whatever its platform is. The error may be a *NoPlatformError.
func forPlatform(found *remote.Descriptor, platform v1.Platform) (v1.Image, error) {
	if !found.MediaType.IsIndex() {
		return found.Image()
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, err
	}
	return fromIndex(index, platform)
}

func fromIndex(index v1.ImageIndex, platform v1.Platform) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	missing := &NoPlatformError{Wanted: nameOf(platform)}
	for _, child := range manifest.Manifests {
		of := linux("amd64") // as engines take an entry that does not say
		if child.Platform != nil {
			of = *child.Platform
		}
		switch {
		case !of.Satisfies(platform):
			missing.add(nameOf(of))
		case child.MediaType.IsIndex():
			nested, err := index.ImageIndex(child.Digest)
			if err != nil {
				return nil, err
			}
			return fromIndex(nested, platform)
		default:
			return index.Image(child.Digest)
		}
	}
	return nil, missing
}

func nameOf(p v1.Platform) string { return p.OS + "/" + p.Architecture }

// add names a platform that an index has. Attestations say "unknown".
func (e *NoPlatformError) add(name string) {
	if len(e.Have) < maxPlatforms && len(name) <= maxPlatformName && !strings.HasPrefix(name, "unknown/") && !slices.Contains(e.Have, name) {
		e.Have = append(e.Have, name)
	}
}
