package page

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/textproto"
	"path"
	"regexp"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// pkg is an upstream package as an image has it.
type pkg struct {
	payload.Package
	Licence string // as the package says it; empty: it does not say
	Bytes   int64  // of its files
}

// Metadata of packages in an image, by the names of their files.
const (
	pythonMetadata = "METADATA" // core metadata of Python packages, in NAME-VERSION.dist-info
	pythonRecord   = "RECORD"   // its files, see "Recording installed projects"
	npmMetadata    = "package.json"
)

// maxMetadata is the size in bytes of the largest file with metadata that is
// read. That of large packages is smaller.
const maxMetadata = 1 << 20

// isMetadata reports whether the file is one that packages are told by.
func isMetadata(name string, size int64) bool {
	if size > maxMetadata {
		return false
	}
	dir, base := path.Split(name)
	switch base {
	case pythonMetadata, pythonRecord:
		return strings.HasSuffix(dir, ".dist-info/")
	case npmMetadata:
		folder, rest := npmFolder(name)
		return folder != "" && rest == npmMetadata
	}
	return false
}

// owners say to which package a file belongs.
type owners struct {
	all    []*pkg
	python map[string]*pkg // by a path of up to ownedDepth elements in a folder for packages; nil: several have it
	npm    map[string]*pkg // by folder
}

// ownedDepth is how many elements of a path tell Python packages apart. Those of
// one namespace share the first ones.
const ownedDepth = 3

// read takes the metadata in a layer. What is none is passed over.
func (o *owners) read(name string, content func(name string) ([]byte, bool)) {
	text, kept := content(name)
	if !kept {
		return
	}
	switch path.Base(name) {
	case pythonMetadata:
		p := parsePython(text)
		if p == nil {
			return
		}
		o.all = append(o.all, p)
		record, _ := content(path.Join(path.Dir(name), pythonRecord))
		site, info := path.Split(path.Dir(name))
		o.claim(site, info+"/"+pythonMetadata, p)
		lines := csv.NewReader(bytes.NewReader(record))
		lines.FieldsPerRecord, lines.LazyQuotes, lines.ReuseRecord = -1, true, true
		for {
			fields, err := lines.Read()
			if err != nil {
				return
			}
			if file := path.Clean(fields[0]); !strings.HasPrefix(file, "../") && !path.IsAbs(file) {
				o.claim(site, file, p)
			}
		}
	case npmMetadata:
		folder, _ := npmFolder(name)
		if p := parseNPM(text); p != nil {
			o.all = append(o.all, p)
			o.npm[folder] = p
		}
	}
}

// claim says that a file in a folder for Python packages is a package's.
func (o *owners) claim(site, file string, p *pkg) {
	for _, prefix := range prefixes(file) {
		key := site + prefix
		if other, claimed := o.python[key]; claimed && other != p {
			o.python[key] = nil
			continue
		}
		o.python[key] = p
	}
}

// prefixes are the first elements of a path, one, two and so on.
func prefixes(file string) []string {
	var all []string
	for i, r := range file {
		if r == '/' {
			all = append(all, file[:i])
		}
		if len(all) == ownedDepth {
			return all
		}
	}
	return append(all, file)
}

// of returns the package that a file belongs to, and the file's path in it: in
// the folder for packages in the case of Python. It is nil where no package is
// known to have the file.
func (o *owners) of(name string) (*pkg, string) {
	if folder, rest := npmFolder(name); o.npm[folder] != nil {
		return o.npm[folder], rest
	}
	for _, sites := range []string{"/site-packages/", "/dist-packages/"} {
		i := strings.LastIndex(name, sites)
		if i < 0 {
			continue
		}
		site, file := name[:i+len(sites)], name[i+len(sites):]
		for _, prefix := range prefixes(file) {
			if p := o.python[site+prefix]; p != nil {
				return p, file
			}
		}
	}
	return nil, name
}

// npmFolder splits a path at the folder of the npm package that has the file, the
// innermost one. It is empty where the file is in none.
func npmFolder(name string) (folder, rest string) {
	const modules = "/node_modules/"
	i := strings.LastIndex(name, modules)
	if i < 0 {
		return "", name
	}
	start := i + len(modules)
	elements := 1
	if strings.HasPrefix(name[start:], "@") {
		elements = 2
	}
	end := start
	for range elements {
		slash := strings.IndexByte(name[end:], '/')
		if slash < 0 {
			return "", name
		}
		end += slash + 1
	}
	return name[:end-1], name[end:]
}

// parsePython reads the core metadata of a Python package; nil: it names none.
func parsePython(text []byte) *pkg {
	head, _, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	fields := map[string][]string{}
	for line := range strings.Lines(string(head)) {
		name, value, ok := strings.Cut(line, ": ")
		if ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			name = textproto.CanonicalMIMEHeaderKey(name)
			fields[name] = append(fields[name], strings.TrimSpace(value))
		}
	}
	p := &pkg{Package: payload.Package{Type: "pypi", Name: first(fields["Name"]), Version: first(fields["Version"])}}
	if p.Name == "" {
		return nil
	}
	p.Licence = first(fields["License-Expression"])
	if licence := first(fields["License"]); p.Licence == "" && len(licence) <= maxLicence && !strings.EqualFold(licence, "unknown") {
		p.Licence = licence
	}
	if p.Licence != "" {
		return p
	}
	var classified []string
	for _, classifier := range fields["Classifier"] {
		if licence, ok := strings.CutPrefix(classifier, "License :: "); ok {
			parts := strings.Split(licence, " :: ")
			classified = append(classified, parts[len(parts)-1])
		}
	}
	p.Licence = strings.Join(classified, " / ")
	return p
}

// maxLicence is the length in bytes of what is taken for the name of a licence:
// some packages have the whole text in its place.
const maxLicence = 60

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// parseNPM reads the package.json of an npm package; nil: it names none.
func parseNPM(text []byte) *pkg {
	var description struct {
		Name, Version string
		License       any
		Licenses      []struct{ Type string } // of before there was "license"
	}
	var other *json.UnmarshalTypeError // a field that is not as it is today
	if err := json.Unmarshal(text, &description); err != nil && !errors.As(err, &other) || description.Name == "" {
		return nil
	}
	p := &pkg{Package: payload.Package{Type: "npm", Name: description.Name, Version: description.Version}}
	switch licence := description.License.(type) {
	case string:
		p.Licence = licence
	case map[string]any:
		p.Licence, _ = licence["type"].(string)
	}
	if p.Licence == "" {
		var named []string
		for _, licence := range description.Licenses {
			named = append(named, licence.Type)
		}
		p.Licence = strings.Join(named, " / ")
	}
	if len(p.Licence) > maxLicence {
		p.Licence = ""
	}
	return p
}

// separators are what PEP 503 holds for the same in names of Python packages.
var separators = regexp.MustCompile(`[-_.]+`)

// key tells packages apart, whatever spelling of a name is used.
func key(p payload.Package) string {
	if p.Type == "pypi" {
		p.Name = strings.ToLower(separators.ReplaceAllString(p.Name, "-"))
	}
	return p.Type + " " + p.Name + " " + p.Version
}
