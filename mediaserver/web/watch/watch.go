package watch

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/web/asset"
)

var (
	//go:embed page.html
	page string
	//go:embed *.js *.css
	parts embed.FS
)

// policy lets the page load and ask what is of this server, and nothing else
// [CSP Level 3]. Any page may show it in an iframe: there is nothing in it to press
// that does more than play.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"

// Place is where a stream is: what a client connects to, and what it plays there.
type Place struct{ Application, Instance, Stream string }

// maxName bounds, in bytes, the name of a stream with its application and instance.
const maxName = 1024

// Handler serves, below the prefix where it is mounted, which ends with a slash:
//
//	APPLICATION/INSTANCE/NAME   the page, whether there is such a stream or not
//	watch.js, watch.css, …      what it is made of
//
// where cuts such a name: instances and streams may have slashes in theirs. It answers
// GET and HEAD, holds nothing, and may be used by many at once.
func Handler(prefix string, where func(name string) Place) http.Handler {
	files := map[string]*asset.File{}
	for pattern, kind := range map[string]string{"*.js": "text/javascript; charset=utf-8", "*.css": "text/css; charset=utf-8"} {
		names, _ := fs.Glob(parts, pattern) // a pattern that is well-formed does not fail
		for _, name := range names {
			content, _ := parts.ReadFile(name) // it is in memory
			files[name] = asset.New(content, kind)
		}
	}
	html := template.Must(template.New("page").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, prefix)
		f := files[name]
		if f == nil && !isName(name) {
			http.Error(w, "the page of a stream is at "+prefix+"APPLICATION/INSTANCE/NAME, or at "+prefix+
				"APPLICATION/NAME where the instance has no name", http.StatusNotFound)
			return
		}
		if f == nil {
			var b bytes.Buffer
			if err := html.Execute(&b, about{prefix, name, where(name)}); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			f = asset.New(b.Bytes(), "text/html; charset=utf-8")
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		f.ServeHTTP(w, r)
	})
}

// about is what the page is told.
type about struct {
	Prefix, Name string
	Place        Place
}

// isName says whether a path names a stream: an application, and what is in it.
func isName(name string) bool {
	app, stream, ok := strings.Cut(name, "/")
	return ok && app != "" && stream != "" && len(name) <= maxName && path.Clean("/"+name) == "/"+name
}
