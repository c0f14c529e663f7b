package traditional

// Start is what an image is built from.
type Start string

// The starts, from the slowest to the fastest.
const (
	FromScratch   Start = "scratch"   // the base itself
	FromVersioned Start = "versioned" // an image of the same version and base
	FromLock      Start = "lock"      // an image with the same dependencies
)

// Held says which images there are.
type Held struct{ Source, Lock, Versioned bool }

// Decision is what has to be done to have the image.
type Decision struct {
	Build bool     // else the image with the source tag is there
	Start Start    // of the build
	From  string   // reference that the build starts from
	Tags  []string // that the new image gets, those that no image has yet
}

// Decide finds the shortest way to the image over base. A forced build starts
// from the base, whatever there is. Images that are there keep their tags.
func (n Names) Decide(base string, held Held, force bool) Decision {
	if held.Source && !force {
		return Decision{}
	}
	d := Decision{Build: true, Start: FromScratch, From: base}
	switch {
	case force:
	case held.Lock:
		d.Start, d.From = FromLock, n.Reference(n.Lock)
	case held.Versioned:
		d.Start, d.From = FromVersioned, n.Reference(n.Versioned)
	}
	if !held.Source {
		d.Tags = append(d.Tags, n.Source)
	}
	if !held.Lock {
		d.Tags = append(d.Tags, n.Lock)
	}
	// An image on top of another is no good start for a third: its layers
	// would pile up.
	if !held.Versioned && d.Start == FromScratch {
		d.Tags = append(d.Tags, n.Versioned)
	}
	return d
}
