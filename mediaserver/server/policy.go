package server

import (
	"net"
	"slices"

	"flashpod.dev/flashpod/mediaserver/public"
)

// allowedByAll are the origins whose pages may use every instance that is served: those
// of the server, and those that each manifest lets in. Policy files of Flash Player are
// for a host and its ports, and know no instances: what is in them opens all there are.
func (s *Server) allowedByAll() []string {
	var lists [][]string
	var all []string
	for i := range s.docs {
		if spec := &s.docs[i].Spec; !spec.Suspend {
			lists = append(lists, spec.Web.Origins())
			all = append(all, spec.Web.Origins()...)
		}
	}
	for _, a := range s.Applications() {
		if !a.Manifest {
			lists = append(lists, nil) // they have no list
		}
	}
	allowed := slices.Clone(s.cfg.WebOrigins)
	for _, one := range all {
		if !slices.ContainsFunc(lists, func(list []string) bool {
			o, err := public.ParseOrigins(list)
			return err != nil || !o.Has(one)
		}) {
			allowed = append(allowed, one)
		}
	}
	return distinct(allowed)
}

// socketPolicy is what Flash Player is answered that asks, at the port that a connection
// came to, whose movies may connect.
func (s *Server) socketPolicy(nc net.Conn) func() []byte {
	port := 0
	if a, ok := nc.LocalAddr().(*net.TCPAddr); ok {
		port = a.Port
	}
	return func() []byte { return s.public.policy.Socket(port) }
}
