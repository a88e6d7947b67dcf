package recording

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A film of another's that lies where a recording would be until something is in
// it stays as it is, under its own name, and no recording minds it.
func TestPartsOfOthersStay(t *testing.T) {
	dir := t.TempDir()
	part := filepath.Join(dir, "cam.flv.part")
	foreign(t, part)
	before, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	record(t, s, "cam", ModeRecord, nil)
	record(t, s, "cam", ModeDated, seconds(1, 0))
	record(t, s, "cam", ModeRecord, seconds(2, 0))
	if after, err := os.ReadFile(part); err != nil || !bytes.Equal(after, before) {
		t.Errorf("it is another, %v", err)
	}
	if got := files(t, dir); len(got) != 3 || !slices.Contains(got, "cam.flv") || !slices.Contains(got, "cam.flv.part") {
		t.Errorf("files %v", got)
	}
	if n := len(tags(t, filepath.Join(dir, "cam.flv"))); n != 102 {
		t.Errorf("the recording has %d tags", n)
	}
}
