package hostile

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// Mutation makes an image worse in one way. What it leaves open, r decides.
type Mutation struct {
	Name  string // names are unique
	Apply func(r *rand.Rand, i *Image)
}

// Case is an image and for whom it is set up. Two equal cases are the same
// bytes. Every mutation has random numbers of its own, so that an image without
// one of them is otherwise the same.
type Case struct {
	Seed      uint64
	Base      string   // name of an honest root
	Mutations []string // in the order in which they are applied
}

// maxMutations of one case.
const maxMutations = 6

// Draw returns the case of a seed.
func Draw(seed uint64) Case {
	r := random(seed, "draw")
	c := Case{Seed: seed, Base: pick(r, honest).name}
	all := Mutations()
	for range 1 + r.IntN(maxMutations) {
		m := all[r.IntN(len(all))]
		if !slices.Contains(c.Mutations, m.Name) {
			c.Mutations = append(c.Mutations, m.Name)
		}
	}
	return c
}

// random is the source of random numbers for one purpose.
func random(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// String is a line that Parse understands.
func (c Case) String() string {
	return fmt.Sprintf("%d %s: %s", c.Seed, c.Base, strings.Join(c.Mutations, "; "))
}

// Parse reads the form of String.
func Parse(line string) (Case, error) {
	head, mutations, _ := strings.Cut(line, ":")
	seed, base, _ := strings.Cut(strings.TrimSpace(head), " ")
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return Case{}, fmt.Errorf("%q does not begin with a seed", line)
	}
	c := Case{Seed: n, Base: base}
	for name := range strings.SplitSeq(mutations, ";") {
		if name = strings.TrimSpace(name); name != "" {
			c.Mutations = append(c.Mutations, name)
		}
	}
	return c, nil
}

// Image makes the case's image.
func (c Case) Image() (*Image, error) {
	at := slices.IndexFunc(honest, func(h honestRoot) bool { return h.name == c.Base })
	if at < 0 {
		return nil, fmt.Errorf("there is no honest root %q", c.Base)
	}
	return c.Over(honest[at].layers()...)
}

// Over makes the case's image over the layers of another base.
func (c Case) Over(layers ...Layer) (*Image, error) {
	i := &Image{Layers: layers, Config: dockerspec.DockerOCIImage{}}
	i.Config.OS, i.Config.Architecture = "linux", "amd64"
	i.Config.RootFS.Type = "layers"
	i.Config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	i.Config.Config.Cmd = []string{"/bin/sh"}
	all := Mutations()
	for _, name := range c.Mutations {
		at := slices.IndexFunc(all, func(m Mutation) bool { return m.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no mutation %q", name)
		}
		r := random(c.Seed, name)
		if r.IntN(2) == 0 {
			i.stack()
		}
		all[at].Apply(r, i)
	}
	return i, nil
}

// Request is what a user asks for.
type Request struct {
	User   string
	UID    int // 0: the default
	Sudo   bool
	Server string
	Order  string // of layers; empty: the default
}

// Request is drawn by the seed.
func (c Case) Request() Request {
	r := random(c.Seed, "request")
	q := Request{
		User: pick(r, []string{payload.User, payload.User, payload.User, "root", "dev", "node", "sudo"}),
		Sudo: r.IntN(4) > 0, Server: pick(r, []string{payload.ActionExecutionServer, payload.AgentServer}),
	}
	if q.User != "root" {
		q.UID = pick(r, []int{0, 0, 0, 1, 33, 1001, 65534, 1234567890})
	}
	return q
}

// Shrink drops mutations, one by one, as long as the case still fails.
func Shrink(c Case, fails func(Case) bool) Case {
	for again := true; again; {
		again = false
		for at := range c.Mutations {
			less := c
			less.Mutations = slices.Delete(slices.Clone(c.Mutations), at, at+1)
			if fails(less) {
				c, again = less, true
				break
			}
		}
	}
	return c
}
