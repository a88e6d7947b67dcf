package sdk

import (
	_ "embed"
	"net/http"
	"path"

	"flashpod.dev/flashpod/mediaserver/web/asset"
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
	files := map[string]*asset.File{
		"flashpod.js":   asset.New(script, "text/javascript; charset=utf-8"),
		"flashpod.d.ts": asset.New(types, "text/plain; charset=utf-8"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[path.Base(r.URL.Path)]
		if !ok {
			http.Error(w, "the client for web pages is flashpod.js here, an ES module, and its types are flashpod.d.ts", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		f.ServeHTTP(w, r)
	})
}
