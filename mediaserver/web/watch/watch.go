package watch

import (
	"embed"
	"net/http"

	"flashpod.dev/flashpod/mediaserver/web/pages"
)

var (
	//go:embed page.html
	html string
	//go:embed *.js *.css
	parts embed.FS
)

// policy lets any page show it in an iframe: there is nothing in it to press that does
// more than play.
const policy = pages.Policy + "script-src 'self'; frame-ancestors *"

// Handler serves a page for each stream, which plays it, and what it is made of (see
// pages.Kind), below the prefix where it is mounted, which ends with a slash. where cuts
// the name of a stream.
func Handler(prefix string, where func(name string) pages.Place) http.Handler {
	return pages.Kind{
		HTML: html, Parts: parts, Does: "plays",
		Header: map[string]string{"Content-Security-Policy": policy},
	}.Handler(prefix, where)
}
