package live

import (
	"testing"
)

// checkSkills calls the functions that the plugin agent_skills puts into the
// notebook, on documents that are made there.
func checkSkills(t *testing.T, s *sandbox) {
	out := s.cell(t, string(read(t, "testdata/skills/documents.py")))
	for _, want := range []string{
		"docx says größe", "pptx says größe", "latex says α", "@@ Page 1 @@",
		`[Found 1 matches for "says" in /tmp/skills]`, `[Found 1 matches for "paper.tex" in`, "(this is the end of the file)",
		"Here's the result of running `cat -n`", "xlsx says größe",
	} {
		contains(t, out, want)
	}
	// The editor of the server itself reads documents too.
	shown, err := s.View(t.Context(), "/tmp/skills/text.docx")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, shown, "docx says größe")

	out = s.cell(t, string(read(t, "testdata/skills/model.py")))
	contains(t, out, "the model says größe")
	contains(t, out, "the recording says größe")
}
