package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestFingerprint(t *testing.T) {
	const text = "pip install --index-url https://me:hunter2@index/ x"
	one, err := New(text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(text)
	if err != nil {
		t.Fatal(err)
	}
	if one == other || strings.Split(one, ":")[3] == strings.Split(other, ":")[3] {
		t.Errorf("two fingerprints are the same: %s", one)
	}
	plain := sha256.Sum256([]byte(text))
	if strings.Contains(one, hex.EncodeToString(plain[:8])) {
		t.Error("it is a plain hash")
	}
	for _, test := range []struct {
		fingerprint, text string
		want              bool
	}{
		{one, text, true},
		{other, text, true},
		{one, text + " ", false},
		{one, "", false},
		{"", text, false},
		{"", "", true},
		{hex.EncodeToString(plain[:8]), text, false},
		{strings.Replace(one, ":200000:", ":1:", 1), text, false},
		{one + ":", text, false},
		{"pbkdf2-sha256:200000:", text, false},
		{"pbkdf2-sha256:200000::" + strings.Repeat("0", 64), text, false},
	} {
		if Of(test.fingerprint, test.text) != test.want {
			t.Errorf("%q is a fingerprint of %q: %v", test.fingerprint, test.text, !test.want)
		}
	}
	if none, err := New(""); none != "" || err != nil {
		t.Errorf("of no text: %q, %v", none, err)
	}
}

func TestMark(t *testing.T) {
	marks := map[string]string{}
	for _, text := range []string{"apk add gcc", "apk add gcc ", "apk add g++"} {
		one, err := Mark(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Mark(text)
		if err != nil || string(again) != string(one) || len(one) != markLength {
			t.Errorf("%q: %x, then %x, %v", text, one, again, err)
		}
		if other, taken := marks[string(one)]; taken {
			t.Errorf("%q has the mark of %q", text, other)
		}
		marks[string(one)] = text
	}
	if none, err := Mark(""); len(none) > 0 || err != nil {
		t.Errorf("of no text: %x, %v", none, err)
	}
}
