package sdk

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

var (
	//go:embed flashpod.js
	script []byte
	//go:embed flashpod.d.ts
	types []byte
)

// Handler serves flashpod.js, an ES module, and flashpod.d.ts, whatever path is
// before the name, to GET and HEAD, with an entity tag: a page that asks again has
// them when they have changed. Pages of any origin may load them; what a page may
// do with the server then is not decided here. It holds nothing, and may be used
// by many at once.
func Handler() http.Handler {
	files := map[string]*file{
		"flashpod.js":   newFile(script, "text/javascript; charset=utf-8"),
		"flashpod.d.ts": newFile(types, "text/plain; charset=utf-8"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[path.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	})
}

type file struct {
	content   []byte
	kind, tag string
}

func newFile(content []byte, kind string) *file {
	sum := sha256.Sum256(content)
	return &file{content, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed: this is a file to GET", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
