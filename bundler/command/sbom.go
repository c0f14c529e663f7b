package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// bill returns the payload's software bill of materials, an SPDX 2.3 document
// that scanners read: the payload, its components, and the upstream packages
// that each was made from. The same manifest gives the same document, so its
// time of creation is the epoch.
func bill(m payload.Manifest) *v2_3.Document {
	document := &v2_3.Document{
		SPDXVersion:       v2_3.Version,
		DataLicense:       v2_3.DataLicense,
		SPDXIdentifier:    "DOCUMENT",
		DocumentName:      fmt.Sprintf("openhands-payload-%s-%s-%s", m.OpenHandsVersion, m.Server, m.Architecture),
		DocumentNamespace: fmt.Sprintf("https://github.com/docker-openhands/docker-openhands/spdx/%s/%s/%s", m.OpenHandsVersion, m.Server, m.Architecture),
		CreationInfo: &v2_3.CreationInfo{
			Created:  "1970-01-01T00:00:00Z",
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "oh-bundle"}},
		},
	}
	add := func(id, name, version, locator string) {
		p := &v2_3.Package{
			PackageName: name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: version,
			PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION",
			PackageLicenseDeclared: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
		}
		if locator != "" {
			p.PackageExternalReferences = []*v2_3.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: locator}}
		}
		document.Packages = append(document.Packages, p)
	}
	relate := func(from, how, to string) {
		document.Relationships = append(document.Relationships, &v2_3.Relationship{
			RefA: common.MakeDocElementID("", from), RefB: common.MakeDocElementID("", to), Relationship: how,
		})
	}
	add("payload", "openhands-payload", m.OpenHandsVersion, "")
	relate("DOCUMENT", "DESCRIBES", "payload")
	var known []string
	for _, c := range m.Components {
		component := identifier("component", c.Name)
		add(component, c.Name, m.OpenHandsVersion, "")
		relate("payload", "CONTAINS", component)
		for _, p := range c.Packages {
			id := identifier(p.Type, p.Name, p.Version)
			if !slices.Contains(known, id) {
				known = append(known, id)
				add(id, p.Name, p.Version, p.URL())
			}
			relate(component, "CONTAINS", id)
		}
	}
	return document
}

// identifier joins the parts to an SPDX identifier: letters, digits, dots and
// hyphens (SPDX 2.3, section 7.2).
func identifier(parts ...string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, strings.Join(parts, "-"))
}
