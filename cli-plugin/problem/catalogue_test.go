package problem

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/errors.md")

// TestCatalogue wants one entry for every constant of the type Code.
func TestCatalogue(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			code, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	slices.Sort(codes)
	var explained []string
	for _, entry := range Catalogue() {
		explained = append(explained, string(entry.Code))
		for _, text := range []string{entry.Meaning, entry.Next} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", entry.Code, text)
			}
		}
		if entry.Title == "" || strings.HasSuffix(entry.Title, ".") {
			t.Errorf("%s: %q is no title", entry.Code, entry.Title)
		}
	}
	if diff := cmp.Diff(codes, explained); diff != "" {
		t.Errorf("the codes in problem.go (-) and in the catalogue (+):\n%s", diff)
	}
}

// TestDocument holds docs/errors.md to the catalogue.
func TestDocument(t *testing.T) {
	const name = "../../docs/errors.md"
	want := document()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/errors.md is stale, 'make update' writes it (-want +got):\n%s", diff)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# Errors

<!-- Written by 'make update' from the catalogue in cli-plugin/problem. -->

An error is one paragraph on the standard error: a code, what could not be done,
why, and what to do next. A code never changes its meaning, so scripts can look
for it. ` + "`docker openhands explain OH-003`" + ` prints what this page says of a code.
With ` + "`--json`" + `, and with ` + "`--format json`" + `, the last line of the standard error is the
error as a [document](json.md#errors).

The exit status says what kind of end it is:

| Status | |
|---|---|
`)
	for _, status := range Statuses() {
		fmt.Fprintf(&b, "| %d | %s |\n", status.Number, status.Meaning)
	}
	b.WriteString("\n| Code | Status | |\n|---|---|---|\n")
	for _, entry := range Catalogue() {
		anchor := strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(string(entry.Code) + " " + entry.Title))
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %s |\n", entry.Code, anchor, entry.Code.Status(), entry.Title)
	}
	for _, entry := range Catalogue() {
		fmt.Fprintf(&b, "\n## %s %s\n\n%s\n\n%s\n", entry.Code, entry.Title, entry.Meaning, entry.Next)
	}
	return b.String()
}
