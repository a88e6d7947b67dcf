package pages

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

// base is what the pages have in common; each serves it beside its own parts.
//
//go:embed base.css base.js
var base embed.FS

// Place is where a stream is: what a client connects to, and what it plays or publishes
// there.
type Place struct{ Application, Instance, Stream string }

// maxName bounds, in bytes, the name of a stream with its application and instance.
const maxName = 1024

// Kind is a page that there is for each stream.
type Kind struct {
	// HTML is a template (html/template) of the page. It is given Prefix, Name, which is
	// APPLICATION/INSTANCE/NAME as the address has it, and Place.
	HTML string
	// Parts has the scripts and style sheets, in its root.
	Parts fs.FS
	// Does is what the page does to a stream, for who asks for something else: "plays".
	Does string
	// Header is sent with all of it.
	Header map[string]string
}

// Policy lets a page load and ask what is of its own server, and nothing else [CSP
// Level 3]; more is said after it by what a page of its kind needs.
const Policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; "

// kinds are the files that pages are made of.
var kinds = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

// Handler serves, below the prefix where it is mounted, which ends with a slash:
//
//	APPLICATION/INSTANCE/NAME   the page, whether there is such a stream or not
//	base.js, base.css, Parts    what it is made of
//
// where cuts such a name: instances and streams may have slashes in theirs. It answers
// GET and HEAD, holds nothing, and may be used by many at once.
func (k Kind) Handler(prefix string, where func(name string) Place) http.Handler {
	files := map[string]*asset.File{}
	for _, from := range []fs.FS{base, k.Parts} {
		names, _ := fs.Glob(from, "*") // a pattern that is well-formed does not fail
		for _, name := range names {
			if kind, ok := kinds[path.Ext(name)]; ok {
				content, _ := fs.ReadFile(from, name) // it is in memory
				files[name] = asset.New(content, kind)
			}
		}
	}
	html := template.Must(template.New("page").Parse(k.HTML))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, prefix)
		f := files[name]
		if f == nil && !isName(name) {
			http.Error(w, "the page that "+k.Does+" a stream is at "+prefix+"APPLICATION/INSTANCE/NAME, or at "+prefix+
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
		h.Set("Referrer-Policy", "no-referrer")
		for name, value := range k.Header {
			h.Set(name, value)
		}
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
