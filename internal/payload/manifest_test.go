package payload

import "testing"

func TestPackageURL(t *testing.T) {
	for want, p := range map[string]Package{
		"pkg:deb/debian/libstdc%2B%2B6@14.2.0-19": {Type: "deb", Name: "libstdc++6", Version: "14.2.0-19"},
		"pkg:pypi/uvicorn@0.30":                   {Type: "pypi", Name: "uvicorn", Version: "0.30"},
		"pkg:npm/%40scope/name@1.0.0":             {Type: "npm", Name: "@scope/name", Version: "1.0.0"},
	} {
		if got := p.URL(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
