// Package client knows the programs of OpenHands that start runtime images:
// which server each of them talks to, and what it has to be told so that it
// takes an image. docs/clients.md says where each fact was read.
package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Client is a program that starts runtime images.
type Client struct {
	Name   string // what users call it
	Title  string // for people, within a sentence
	Server string // profile of the images that it starts
	advise func(Image, *Advice) error
	starts func(Image) []Start
}

// Image is a runtime image as a client is told of it. Labels are those that it
// has; without a version or components nothing is said of these.
type Image struct {
	Name   string // the reference by which it can be started
	Labels payload.Labels
	Arch   string // GOARCH form
}

// All returns the clients, today's first.
func All() []Client {
	return []Client{
		{"app", "OpenHands' application on one machine", payload.AgentServer, application, startApplication},
		{"sdk", "the SDK's DockerWorkspace", payload.AgentServer, sdk, startSDK},
		{"benchmarks", "OpenHands/benchmarks", payload.AgentServer, benchmarks, startBenchmarks},
		{"enterprise", "OpenHands Enterprise", payload.AgentServer, enterprise, startEnterprise},
		{"kubernetes", "a pod of your own", payload.AgentServer, kubernetes, startKubernetes},
		{"apptainer", "the SDK's ApptainerWorkspace", payload.AgentServer, apptainer, startApptainer},
		{"canvas", "Agent Canvas, and an agent server that starts others", payload.AgentServer, canvas, startCanvas},
		{"v0", "OpenHands V0, up to release 1.6.0", payload.ActionExecutionServer, v0, startV0},
	}
}

// Named returns the client of a name.
func Named(name string) (Client, error) {
	all := All()
	if i := slices.IndexFunc(all, func(c Client) bool { return c.Name == name }); i >= 0 {
		return all[i], nil
	}
	return Client{}, problem.New(problem.Usage, fmt.Sprintf("%q is no client that is known here", name), nil,
		problem.Meant(problem.Similar(Names(), name), "%s")+"Choose one of "+strings.Join(Names(), ", "))
}

// Names are those of all clients.
func Names() []string {
	var names []string
	for _, c := range All() {
		names = append(names, c.Name)
	}
	return names
}

// Of is a runtime image as its clients are told of it. It is an error where an
// image of these labels is none.
func Of(name string, labels payload.Labels, arch string) (Image, error) {
	switch labels.Kind {
	case payload.KindRuntime:
		return Image{Name: name, Labels: labels, Arch: arch}, nil
	case payload.KindDeps:
		return Image{}, problem.New(problem.NotForClient, name+" is a payload and no runtime image", nil,
			"Build an image of it: docker openhands build --deps-image "+name+" BASE")
	}
	return Image{}, NoServer(name)
}

// NoServer is the error about an image that has none of OpenHands' servers.
func NoServer(name string) error {
	return problem.New(problem.NotForClient, name+" has no server of OpenHands", nil, "Build an image over it: docker openhands build "+name)
}

// Talks returns an error where the image has a server that the client does not
// talk to.
func (c Client) Talks(img Image) error {
	server := img.Labels.Server
	if server == "" || server == c.Server {
		return nil
	}
	next := fmt.Sprintf("Build one with 'docker openhands build --server %s BASE'", c.Server)
	if i := slices.IndexFunc(All(), func(other Client) bool { return other.Server == server }); i >= 0 {
		next += fmt.Sprintf(", or see what a client of this one wants with 'docker openhands use %s %s'", All()[i].Name, img.Name)
	}
	return problem.New(problem.NotForClient, fmt.Sprintf("%s has the server %s, and %s talks to the %s", img.Name, server, c.Title, c.Server), nil, next)
}

// Advise says what has to be set so that the client takes an image. That it
// cannot take it is an error.
func (c Client) Advise(img Image) (*Advice, error) {
	if err := c.Talks(img); err != nil {
		return nil, err
	}
	advice := &Advice{Client: c.Name, Image: img.Name, Settings: []Setting{}, Warnings: []string{}, Notes: []string{}}
	if err := c.advise(img, advice); err != nil {
		return nil, err
	}
	return advice, nil
}

// tagged returns the repository, in its short form, and the tag of an image that
// a client names in two parts.
func (img Image) tagged(client string) (repository, tag string, err error) {
	parsed, err := reference.ParseAnyReference(img.Name)
	if named, ok := parsed.(reference.Named); ok && err == nil {
		if tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged); ok && !pinned(named) {
			return reference.FamiliarName(tagged), tagged.Tag(), nil
		}
	}
	return "", "", problem.New(problem.NotForClient, fmt.Sprintf("%s names an image by repository and tag, which %s has not", client, img.Name), err,
		"Give the image a name: docker tag "+img.Name+" REPOSITORY:TAG")
}

// Has reports whether the payload has a component, and whether that is known.
func (img Image) Has(component string) (has, known bool) {
	if img.Labels.Components == "" {
		return false, false
	}
	return slices.Contains(strings.Split(img.Labels.Components, ","), component), true
}

// pinned reports whether a reference has a digest.
func pinned(ref reference.Reference) bool {
	_, ok := ref.(reference.Digested)
	return ok
}
