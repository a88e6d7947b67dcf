package session

import (
	"net"
	"testing"
)

// FuzzApp: whatever a client calls its application is one, with an origin that has a host
// and a port where it names one, or an error.
func FuzzApp(f *testing.F) {
	for _, app := range []string{
		"app/one", "app?key=k", "?rtmp://origin/app/one", "/?rtmp://Origin:1936/app/one?key=k", "?rtmp://[::1]/app",
		"?rtmp://a/?rtmp://b/app", "?rtmp://user@a/app", "?rtmps://a/app", "?rtmp:///app", "?rtmp://a", "?rtmp://a:b/app",
	} {
		f.Add(app)
	}
	f.Fuzz(func(t *testing.T, app string) {
		to, err := parseApp(app)
		if err != nil {
			return
		}
		if to.Application == "" {
			t.Errorf("%q has no application", app)
		}
		if to.far == "" {
			return
		}
		if host, port, err := net.SplitHostPort(to.far); err != nil || host == "" || port == "" {
			t.Errorf("%q leads to %q", app, to.far)
		}
	})
}
