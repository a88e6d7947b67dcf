package session

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

// explicit is the URL in an app that names an origin to an edge, "?rtmp://origin/app/inst".
func explicit(app string) (inner string, ok bool) {
	inner, ok = strings.CutPrefix(strings.TrimPrefix(app, "/"), "?")
	if !ok {
		return "", false
	}
	scheme, _, ok := strings.Cut(inner, "://")
	return inner, ok && strings.HasPrefix(scheme, "rtmp")
}

// errFar is what such a URL has to be.
var errFar = errors.New("an edge is told its origin as rtmp://edge/?rtmp://host/application/instance, and one alone")

// parseFar is parseApp of such a URL.
func parseFar(inner string) (target, error) {
	before, query := splitQuery(inner)
	u, err := url.Parse(before)
	if err != nil || u.Scheme != "rtmp" || u.Hostname() == "" || u.User != nil {
		return target{}, errFar
	}
	path, ok := apppath.Parse(strings.TrimPrefix(before[len("rtmp://"):][len(u.Host):], "/"))
	if !ok {
		return target{}, errFar
	}
	port := u.Port()
	if port == "" {
		port = "1935"
	}
	return target{path, query, net.JoinHostPort(strings.ToLower(u.Hostname()), port)}, nil
}
