package migrate

import (
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
)

// Measured are the figures of one image.
type Measured struct {
	Image        string  `json:"image"`
	Bytes        int64   `json:"bytes"`
	OwnBytes     int64   `json:"ownBytes"`     // not shared with other images of this kind
	StartSeconds float64 `json:"startSeconds"` // to /alive; 0: not measured
	BuildSeconds float64 `json:"buildSeconds"` // 0: not known
	BuildNote    string  `json:"buildNote,omitempty"`
}

// making is what making an image took.
type making struct {
	Seconds float64
	Reused  bool // it was there already
}

// trial is what came of building the new image and starting both.
type trial struct {
	Ref             string // of New
	New, Payload    *image.Image
	NewBuilt        making
	PayloadBuilt    making
	NewStartSeconds float64 // 0: it was not alive

	Old             formerImage
	Base            *image.Image // nil: the engine lacks it
	OldBuildSeconds float64      // as its layers tell; 0: they do not
	OldStartSeconds float64      // 0: it was not alive
}

// measure returns the figures of both images; those of the old one are nil where
// there is none.
func (t trial) measure() (old, now *Measured) {
	now = &Measured{Image: t.Ref, Bytes: t.New.Size, OwnBytes: t.New.Size - t.Payload.Size, StartSeconds: t.NewStartSeconds}
	switch {
	case t.NewBuilt.Reused:
		now.BuildNote = "it was there already"
	case t.PayloadBuilt.Reused:
		now.BuildSeconds, now.BuildNote = t.NewBuilt.Seconds, "the payload was there already"
	default:
		now.BuildSeconds = t.NewBuilt.Seconds + t.PayloadBuilt.Seconds
		now.BuildNote = fmt.Sprintf("%.1f s of it for the payload, which all bases share", t.PayloadBuilt.Seconds)
	}
	if t.Old.Image == nil {
		return nil, now
	}
	old = &Measured{
		Image: t.Old.Ref, Bytes: t.Old.Image.Size, OwnBytes: t.Old.Image.Size,
		StartSeconds: t.OldStartSeconds, BuildSeconds: t.OldBuildSeconds, BuildNote: "its layers do not tell",
	}
	if t.Base != nil {
		old.OwnBytes -= t.Base.Size
		now.OwnBytes -= t.Base.Size
		if old.BuildSeconds > 0 {
			old.BuildNote = "at least: from its first layer to its last"
		}
	}
	return old, now
}
