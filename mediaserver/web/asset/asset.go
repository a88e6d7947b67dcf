package asset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// File is a file that never changes while the program runs. It may be served by many
// at once.
type File struct {
	content   []byte
	kind, tag string
}

// New makes a file of its bytes, which it keeps, and its media type.
func New(content []byte, kind string) *File {
	sum := sha256.Sum256(content)
	return &File{content, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// ServeHTTP answers GET and HEAD, also of parts, and with 304 who has it.
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed: this is a file to GET", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
