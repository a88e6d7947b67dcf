// Package apppath owns what stands between the host and the stream in an RTMP
// URL: rtmp://host/application/instance/stream. Both programs and the document
// that they read write and read it here; it imports nothing.
package apppath

import "strings"

// DefaultInstance is the instance that is meant where none is named: Flash
// Communication Server's own name for it.
const DefaultInstance = "_definst_"

// Path names an instance of an application.
type Path struct {
	Application string
	Instance    string // may have slashes in it
}

// Parse splits "application/instance". The instance is all that follows the
// first slash; omitted, it is DefaultInstance. Slashes around the whole do not
// count. ok is false when no application is named.
func Parse(s string) (p Path, ok bool) {
	p.Application, p.Instance, _ = strings.Cut(strings.Trim(s, "/"), "/")
	if p.Instance == "" {
		p.Instance = DefaultInstance
	}
	return p, p.Application != ""
}

// String is "application/instance", whole.
func (p Path) String() string { return p.Application + "/" + p.Instance }

// InURL is what follows the host in a URL: "application/instance", without the
// instance where clients may leave it out.
func (p Path) InURL() string {
	if p.Instance == DefaultInstance {
		return p.Application
	}
	return p.String()
}
