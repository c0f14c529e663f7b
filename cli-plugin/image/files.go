package image

import (
	"iter"
	"path"
)

// Files yields the regular files of the layer alone, by their paths without a
// leading slash, with their sizes in bytes. Of a file with several names it
// yields the first one. What replaced files held is not among them.
func (l *Listing) Files() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		l.walk(0, "", func(name string, i uint32) bool {
			n := l.nodes.at(i)
			return n.Kind != file || !n.Mode.IsRegular() || yield(name, int64(n.Value))
		})
	}
}

// Content returns what a regular file of the layer holds, if it was kept.
func (l *Listing) Content(name string) (content []byte, kept bool) {
	i, ok := l.find(cleanName(name))
	if !ok {
		return nil, false
	}
	content, kept = l.content[i]
	return content, kept
}

// walk passes every node below one, each after its folder, to visit until that
// returns false, which it then returns as well.
func (l *Listing) walk(parent uint32, prefix string, visit func(name string, i uint32) bool) bool {
	for i := l.nodes.at(parent).Child; i != 0; i = l.nodes.at(i).Next {
		element := l.name(i)
		if now, _ := l.child(parent, element); now != i {
			continue // replaced
		}
		name := path.Join(prefix, element)
		if !visit(name, i) || l.nodes.at(i).Kind.isDir() && !l.walk(i, name, visit) {
			return false
		}
	}
	return true
}
