package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/opencontainers/go-digest"
)

// layers returns the layers of an image as they are published. Those that a
// registry has are left there; the others are compressed and kept in files.
// With must, all have the compression that is asked for; without it, the image
// is a base that was read for set-up before.
func (p *publisher) layers(ctx context.Context, m *image.Image, must bool) ([]image.Layer, error) {
	fits := func(l image.Layer) bool { return !must || l.Compression() == p.Output.Compression }
	ids := m.DiffIDs()
	if m.Repository != nil && !must {
		return m.Layers, nil
	}
	if m.Repository != nil {
		p.know(m.Layers, fits)
	}
	all, missing := p.having(ids, fits)
	if len(missing) > 0 && p.Output.Push {
		located, err := p.registry().Locate(ctx, missing, p.registries(), fits)
		if err != nil {
			return nil, err
		}
		p.know(located, fits)
		all, missing = p.having(ids, fits)
	}
	if len(missing) > 0 {
		err := p.compress(ctx, m, must, missing)
		var excess *image.ExcessError
		if errors.As(err, &excess) {
			return nil, problem.New(problem.TooLarge, fmt.Sprintf("the image %s is larger than what this program works with", m.Ref), err, "Make it anew without what is named")
		}
		if err != nil {
			return nil, err
		}
		all, missing = p.having(ids, fits)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the image %s lacks the layer %s that it names", m.Ref, missing[0])
	}
	return all, nil
}

// compress brings the missing layers of an image into files. What an engine
// has comes in one stream, so all of them pass.
func (p *publisher) compress(ctx context.Context, m *image.Image, must bool, missing []digest.Digest) (err error) {
	wanted := map[digest.Digest]bool{}
	for _, id := range missing {
		wanted[id] = true
	}
	step := p.View().Step(fmt.Sprintf("compressing %d of the %d layers of %s by %s", len(missing), len(m.DiffIDs()), m.Ref, p.Output.Compression))
	defer func() { step.End(err) }()
	read := step.Part("read", m.Size)
	keep := func(layer io.Reader) (digest.Digest, error) {
		started := time.Now()
		l, err := p.blobs.add(ctx, io.TeeReader(layer, read), p.Output.Compression, must)
		if err == nil && wanted[l.DiffID] {
			p.know([]image.Layer{l}, func(l image.Layer) bool { return !must || l.Compression() == p.Output.Compression })
			step.Done(p.called.of(l.DiffID), l.Descriptor.Size, started)
		}
		return l.DiffID, err
	}
	if m.Repository == nil {
		saved, err := p.Engine.Save(ctx, m, image.Reading{Layer: func(layer io.Reader) error { _, err := keep(layer); return err }})
		if err == nil {
			p.lock.Lock()
			defer p.lock.Unlock()
			p.configs[m.ID] = saved.RawConfig
		}
		return err
	}
	for _, l := range m.Layers {
		if !wanted[l.DiffID] {
			continue
		}
		content, err := l.Open()
		if err != nil {
			return fmt.Errorf("reading the layer %s of %s: %w", l.Descriptor.Digest, m.Ref, err)
		}
		id, err := keep(content)
		if err = errors.Join(err, content.Close()); err == nil {
			err = l.Prove(id)
		}
		if err != nil {
			return fmt.Errorf("reading the layer %s of %s: %w", l.Descriptor.Digest, m.Ref, err)
		}
	}
	return nil
}

// whole is an image as it is, its configuration unchanged, and so its manifest
// where the layers are those that a registry has.
func (p *publisher) whole(ctx context.Context, m *image.Image, must bool) (*image.Image, error) {
	layers, err := p.layers(ctx, m, must)
	if err != nil {
		return nil, err
	}
	if kept := m.With(layers); kept != nil {
		return kept, nil
	}
	config, err := p.config(ctx, m)
	if err != nil {
		return nil, err
	}
	whole := &image.Image{RawConfig: config, Layers: layers}
	if err := json.Unmarshal(config, &whole.Config); err != nil {
		return nil, fmt.Errorf("the configuration of %s: %w", m.Ref, err)
	}
	return whole.Encode()
}

// config is an image's configuration. An engine tells it only in the stream of
// the whole image.
func (p *publisher) config(ctx context.Context, m *image.Image) ([]byte, error) {
	if m.Repository != nil {
		return m.RawConfig, nil
	}
	p.lock.Lock()
	config, ok := p.configs[m.ID]
	p.lock.Unlock()
	if ok {
		return config, nil
	}
	saved, err := p.Engine.Save(ctx, m, image.Reading{})
	if err != nil {
		return nil, err
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.configs[m.ID] = saved.RawConfig
	return saved.RawConfig, nil
}
