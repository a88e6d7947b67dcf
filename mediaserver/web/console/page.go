package console

import (
	"embed"
	"net/http"
	"strings"

	"flashpod.dev/flashpod/mediaserver/web/asset"
)

// built is what "make sdk" makes of src.
//
//go:embed built
var built embed.FS

// policy lets the page load and ask what is of this server, and nothing else [CSP Level
// 3]; nobody may show it in a frame, where a press would be somebody else's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// page serves the page and what it is made of, to anybody: there is nothing in it.
func page() http.Handler {
	files := map[string]*asset.File{}
	entries, _ := built.ReadDir("built") // it is in memory
	for _, e := range entries {
		name := e.Name()
		kind := kinds[name[max(strings.LastIndexByte(name, '.'), 0):]]
		content, err := built.ReadFile("built/" + name)
		if kind == "" || err != nil {
			continue
		}
		if name == "index.html" {
			name = ""
		}
		files[name] = asset.New(content, kind)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := files[strings.TrimPrefix(r.URL.Path, Path)]
		if f == nil {
			http.Error(w, "nothing is here; the console is at "+Path, http.StatusNotFound)
			return
		}
		f.ServeHTTP(w, r)
	})
}
