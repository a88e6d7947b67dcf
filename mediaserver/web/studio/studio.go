package studio

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

// header lets no other page show this one: what is pressed in it turns on a camera. The
// SDK makes the part of it that reads sound beside the page by itself, where browsers
// have nothing else for that, which is the script from blob:.
var header = map[string]string{
	"Content-Security-Policy": pages.Policy + "script-src 'self' blob:; frame-ancestors 'none'",
	"Permissions-Policy":      "camera=(self), microphone=(self), display-capture=(self)",
}

// Handler serves a page for each stream, which publishes it, and what it is made of (see
// pages.Kind), below the prefix where it is mounted, which ends with a slash. where cuts
// the name of a stream.
func Handler(prefix string, where func(name string) pages.Place) http.Handler {
	return pages.Kind{HTML: html, Parts: parts, Does: "publishes", Header: header}.Handler(prefix, where)
}
