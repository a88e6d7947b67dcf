package servertest

import (
	"os"
	"path/filepath"
	"testing"
)

// WriteFiles writes files below a folder, with the folders on the way to them, and
// returns the folder. They come in pairs: a path with slashes, and what is in it.
func WriteFiles(t testing.TB, folder string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		at := filepath.Join(folder, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(pairs[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
