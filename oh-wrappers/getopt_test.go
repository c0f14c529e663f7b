package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSyntax(t *testing.T) {
	permuting := syntax{short: "rmd:u:", long: map[string]byte{"home-dir": 'd', "system": 'r'}}
	ordered := permuting
	ordered.ordered = true
	for _, test := range []struct {
		name     string
		syntax   syntax
		args     []string
		options  []option
		operands []string
		fails    bool
	}{
		{name: "bundle", syntax: permuting, args: []string{"-rm", "-d", "/h", "-u7", "x"},
			options: []option{{'r', ""}, {'m', ""}, {'d', "/h"}, {'u', "7"}}, operands: []string{"x"}},
		{name: "value in a bundle", syntax: permuting, args: []string{"-rd", "/h"}, options: []option{{'r', ""}, {'d', "/h"}}},
		{name: "long", syntax: permuting, args: []string{"--system", "--home-dir=/h", "--home-dir", "/i"},
			options: []option{{'r', ""}, {'d', "/h"}, {'d', "/i"}}},
		{name: "permuted", syntax: permuting, args: []string{"x", "-r", "-"}, options: []option{{'r', ""}}, operands: []string{"x", "-"}},
		{name: "ordered", syntax: ordered, args: []string{"-r", "x", "-r"}, options: []option{{'r', ""}}, operands: []string{"x", "-r"}},
		{name: "end", syntax: permuting, args: []string{"--", "-r"}, operands: []string{"-r"}},
		{name: "unknown", syntax: permuting, args: []string{"-x"}, fails: true},
		{name: "unknown long", syntax: permuting, args: []string{"--x"}, fails: true},
		{name: "colon", syntax: permuting, args: []string{"-:"}, fails: true},
		{name: "missing value", syntax: permuting, args: []string{"-d"}, fails: true},
		{name: "missing long value", syntax: permuting, args: []string{"--home-dir"}, fails: true},
		{name: "needless value", syntax: permuting, args: []string{"--system=1"}, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			options, operands, err := test.syntax.parse(test.args)
			if (err != nil) != test.fails {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.options, options, cmp.AllowUnexported(option{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.operands, operands); diff != "" {
				t.Error(diff)
			}
		})
	}
}
