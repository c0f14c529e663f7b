package tag

import "testing"

func TestBaseOf(t *testing.T) {
	for _, test := range []struct{ tag, base, version string }{
		{"oh_v0.62.0_nikolaik_s_python-nodejs_t_python3.12-nodejs22", "nikolaik/python-nodejs:python3.12-nodejs22", "0.62.0"},
		{"oh_v0.62.0_localhost_t_5000_s_x_t_1", "localhost:5000/x:1", "0.62.0"},
		{"oh_v0.62.0_abcdefghijklmnop", "", "0.62.0"},
		{"oh_v0.62.0_abcdefghijklmnop_0123456789abcdef", "", "0.62.0"},
		{"oh_v0.62.0_image_debian_tag_12", "", "0.62.0"},
		{"latest", "", ""},
	} {
		base, version, ok := BaseOf(test.tag)
		if base != test.base || version != test.version || ok != (test.base != "") {
			t.Errorf("%s: %q, %q, %v", test.tag, base, version, ok)
		}
	}
}
