// Package documenttest makes the schemas of documents and holds documents to
// them.
package documenttest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema returns the schema of a document, in which comments describe types and
// fields, by their Go names. A strict one allows no other fields than those of
// this version; readers have to skip them.
func Schema(t testing.TB, name string, comments map[string]string, strict bool) []byte {
	t.Helper()
	of, ok := document.All()[name]
	if !ok {
		t.Fatalf("there is no document %q", name)
	}
	reflector := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, AllowAdditionalProperties: !strict, CommentMap: comments}
	reflector.Mapper = special(*reflector)
	text, err := json.MarshalIndent(reflector.Reflect(of), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// special has the schemas of types that write themselves.
func special(inline jsonschema.Reflector) func(reflect.Type) *jsonschema.Schema {
	inline.DoNotReference = true
	nested := func(v any) *jsonschema.Schema {
		s := inline.Reflect(v)
		s.Version = ""
		return s
	}
	inline.Mapper = func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[document.Version]():
			return &jsonschema.Schema{Type: "integer", Const: document.SchemaVersion}
		case reflect.TypeFor[settings.Level]():
			var levels []any
			for level := settings.Flag; level <= settings.Default; level++ {
				levels = append(levels, level.String())
			}
			return &jsonschema.Schema{Type: "string", Enum: levels}
		case reflect.TypeFor[settings.Value]():
			return nested(settings.Entry{})
		case reflect.TypeFor[problem.Error]():
			return nested(problem.Object{})
		}
		return nil
	}
	return inline.Mapper
}

// Validate fails the test where text is not one document that its strict schema
// allows.
func Validate(t testing.TB, name string, text []byte) {
	t.Helper()
	schema, err := validator.UnmarshalJSON(bytes.NewReader(Schema(t, name, nil, true)))
	if err != nil {
		t.Fatalf("reading the schema of %s: %v", name, err)
	}
	compiler := validator.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(name, schema); err != nil {
		t.Fatalf("reading the schema of %s: %v", name, err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		t.Fatalf("compiling the schema of %s: %v", name, err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(text)) // fails also where something follows
	if err == nil {
		err = compiled.Validate(value)
	}
	if err != nil {
		t.Errorf("no document %s: %v\n%s", name, err, text)
	}
}
