package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// helperFiles are the programs that the plugin carries, where go generate has
// left them.
func helperFiles() string { return filepath.Join("cli-plugin", "helpers", "bin", "*", "*") }

// bill returns the bill of materials of the plugin, an SPDX 2.3 document: the
// modules in it and in the programs that it carries, as the linker recorded them.
// The pattern helpers names those programs and must match some.
func bill(name, version string, created time.Time, plugin, helpers string) ([]byte, error) {
	programs, err := filepath.Glob(helpers)
	if err != nil {
		return nil, err
	}
	if len(programs) == 0 {
		return nil, fmt.Errorf("no programs for containers in %s: run go generate ./cli-plugin/helpers", helpers)
	}
	urls := map[string]bool{}
	for _, file := range append(programs, plugin) {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading what %s was made from: %w", file, err)
		}
		urls["pkg:golang/stdlib@"+strings.TrimPrefix(info.GoVersion, "go")] = true
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			urls["pkg:golang/"+module.Path+"@"+module.Version] = true
		}
	}
	document := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      name,
		DocumentNamespace: "https://github.com/docker-openhands/docker-openhands/spdx/" + name,
		CreationInfo: &v2_3.CreationInfo{
			Created:  created.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "docker-openhands-release"}},
		},
		Packages: []*v2_3.Package{goPackage(program, version, "MIT", "pkg:golang/github.com/docker-openhands/docker-openhands@"+version)},
		Relationships: []*v2_3.Relationship{{
			RefA: common.MakeDocElementID("", "DOCUMENT"), RefB: common.MakeDocElementID("", program), Relationship: "DESCRIBES",
		}},
	}
	all := make([]string, 0, len(urls))
	for url := range urls {
		all = append(all, url)
	}
	slices.Sort(all)
	for i, url := range all {
		module, version, _ := strings.Cut(strings.TrimPrefix(url, "pkg:golang/"), "@")
		p := goPackage(module, version, "NOASSERTION", url)
		p.PackageSPDXIdentifier = common.ElementID(fmt.Sprintf("module-%d", i+1))
		document.Packages = append(document.Packages, p)
		document.Relationships = append(document.Relationships, &v2_3.Relationship{
			RefA: common.MakeDocElementID("", program), RefB: common.MakeDocElementID("", string(p.PackageSPDXIdentifier)), Relationship: "CONTAINS",
		})
	}
	var text bytes.Buffer
	if err := spdx.Write(document, &text, spdx.Indent("  ")); err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return text.Bytes(), nil
}

func goPackage(name, version, licence, url string) *v2_3.Package {
	return &v2_3.Package{
		PackageName: name, PackageSPDXIdentifier: common.ElementID(name), PackageVersion: version,
		PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "NOASSERTION",
		PackageLicenseDeclared: licence, PackageCopyrightText: "NOASSERTION",
		PackageExternalReferences: []*v2_3.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: url}},
	}
}
