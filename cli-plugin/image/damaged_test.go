package image

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image/imagetest"
)

// Bytes that are no layer are the base's fault; bytes that do not arrive are
// not.
func TestDamagedLayers(t *testing.T) {
	whole := imagetest.Layer(t, "etc/", "etc/passwd=root", "etc/a->b")
	lost := errors.New("the connection is lost")
	for name, test := range map[string]struct {
		stream  io.Reader
		damaged bool
	}{
		"cut off":                      {bytes.NewReader(whole[:700]), true},
		"no tar stream":                {bytes.NewReader(bytes.Repeat([]byte("no tar\n"), 1000)), true},
		"a hard link to a folder":      {bytes.NewReader(imagetest.Layer(t, "a/", "a/b=>a")), true},
		"a link with an empty target":  {bytes.NewReader(imagetest.Layer(t, "a->")), true},
		"links in a circle on the way": {bytes.NewReader(imagetest.Layer(t, "a->b", "b->a", "a/c=1")), true},
		"lost":                         {io.MultiReader(bytes.NewReader(whole[:700]), iotest.ErrReader(lost)), false},
		"cut off on the way":           {io.MultiReader(bytes.NewReader(whole[:700]), iotest.ErrReader(io.ErrUnexpectedEOF)), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadListing(test.stream, keepAll, NewBudget())
			var damaged *damagedError
			if err == nil || errors.As(err, &damaged) != test.damaged {
				t.Errorf("it says %v", err)
			}
		})
	}
}
