package session

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// What comments cite of PROTOCOL.md stands there.
func TestCitedSectionsAreThere(t *testing.T) {
	protocol, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	cited := regexp.MustCompile(`PROTOCOL\.md §(\d+)(?: and §(\d+))?`)
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range cited.FindAllSubmatch(text, -1) {
			for _, n := range m[1:] {
				if len(n) == 0 {
					continue
				}
				found++
				if !bytes.Contains(protocol, []byte("\n## §"+string(n)+" ")) {
					t.Errorf("%s cites section %s, which is not in PROTOCOL.md", name, n)
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing is cited")
	}
}
