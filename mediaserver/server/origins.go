package server

import (
	"context"
	"fmt"
	"net/http"
	stdpath "path"
	"slices"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/session"
)

// origins say which web pages may use which instances. Each list has those of the
// server with it; the zero value lets in the server's own pages alone.
type origins struct {
	server public.Origins // of --web-origin: they may use everything
	some   public.Origins // that may use at least one instance
	// named are those of instances whose manifests have a list, by application and name,
	// and onDemand those of the others of an application.
	named    map[string]map[string]public.Origins
	onDemand map[string]public.Origins
}

// newOrigins reads the server's list and those of manifests (spec.web).
func newOrigins(server []string, docs []v1alpha1.AppInstance) (o origins, err error) {
	if o.server, err = public.ParseOrigins(server); err != nil {
		return o, fmt.Errorf("--web-origin: %w", err)
	}
	o.named, o.onDemand = map[string]map[string]public.Origins{}, map[string]public.Origins{}
	all := slices.Clone(server)
	for i := range docs {
		s := &docs[i].Spec
		list := s.Web.Origins()
		if len(list) == 0 || s.Suspend {
			continue
		}
		own, err := public.ParseOrigins(slices.Concat(server, list))
		if err != nil {
			return o, fmt.Errorf("spec.web.allowedOrigins of %s/%s: %w", s.Application, s.Instance, err)
		}
		all = append(all, list...)
		if o.named[s.Application] == nil {
			o.named[s.Application] = map[string]public.Origins{}
		}
		o.named[s.Application][s.Instance] = own
		if s.OnDemandInstances {
			o.onDemand[s.Application] = own
		}
	}
	o.some, err = public.ParseOrigins(all)
	return o, err
}

// of are the pages that may use an instance; one that is on demand is not named by a
// manifest.
func (o *origins) of(app, name string, onDemand bool) public.Origins {
	own, ok := o.named[app][name]
	if onDemand {
		own, ok = o.onDemand[app]
	}
	if !ok {
		return o.server
	}
	return own
}

// originsAt are the pages that may use what is at a path of the public port. Which
// instance RTMP in a WebSocket is for is known when it connects: see admitPage.
func (s *Server) originsAt(path string) public.Origins {
	o := &s.public.origins
	switch {
	case s.edge != nil:
		return s.originsThere(path)
	case path == public.RTMPPath:
		return o.some
	case len(o.named) == 0:
		return o.server
	}
	path = streamAt(path)
	if i, _ := (house{s}).locate(path); i != nil {
		return o.of(i.Application(), i.Name(), !s.named(i))
	}
	app, _, _ := strings.Cut(path, "/")
	return o.of(app, "", s.onDemand[app] != nil)
}

// streamAt is where a stream is that a path of the public port is about.
func streamAt(path string) string {
	for _, prefix := range []string{public.WHIPPath, public.WHEPPath, "/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest
		}
	}
	return path
}

// originsThere is originsAt of an edge: the pages are those that its origin lets in, and its
// own. About RTMP in a WebSocket the origin is asked when it connects.
func (s *Server) originsThere(path string) public.Origins {
	own := s.public.origins.server
	if path == public.RTMPPath {
		return public.EveryPage
	}
	ctx, cancel := context.WithTimeout(s.cut, placeTime)
	defer cancel()
	// All that lies beside one another is of the same instance: it is asked once.
	at, err := s.edge.Locate(ctx, stdpath.Dir(streamAt(path))+"/-")
	if err != nil {
		return own
	}
	all, err := public.ParseOrigins(slices.Concat(own.List(), at.Pages))
	if err != nil {
		return own // the origin knows words that this edge does not
	}
	return all
}

// named says whether an instance is one that a manifest names.
func (s *Server) named(i *instance.Instance) bool { return s.instances[i.Application()][i.Name()] == i }

// pageOf is the page that has opened a WebSocket, where not every instance lets it in.
func (s *Server) pageOf(r *http.Request) string {
	if s.public.origins.server.Allow(r) {
		return ""
	}
	return r.Header.Get("Origin")
}

// admitPage says why a web page may not use the instance that it connects to; nil: it
// may.
func (s *Server) admitPage(r session.ConnectRequest) *session.Refusal {
	if s.edge != nil {
		return nil // its origin says so
	}
	_, named := s.instances[r.Application][r.Instance]
	if s.edge != nil { // whose instances are elsewhere
		_, named = s.public.origins.named[r.Application][r.Instance]
	}
	if r.Origin == "" || s.public.origins.of(r.Application, r.Instance, !named).Has(r.Origin) {
		return nil
	}
	return &session.Refusal{
		Code:   session.RefusedOrigin,
		Reason: fmt.Sprintf("pages of %.100s may not use this instance: spec.web.allowedOrigins does not have them", r.Origin),
	}
}
