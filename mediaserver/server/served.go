package server

import (
	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

// Served says what a user needs to know of one instance.
type Served struct {
	Application, Instance string
	Recording             v1alpha1.RecordingMode
	Streams               string // folder of the recorded streams
	KeyFile               string // holds the publish key; empty when anyone may publish
	Play                  v1alpha1.PlayMode
}

// Path is what follows the host in an RTMP URL: application/instance, without
// the instance where clients may omit it.
func (s Served) Path() string {
	return apppath.Path{Application: s.Application, Instance: s.Instance}.InURL()
}

// Served lists the instances in the order of their documents.
func (s *Server) Served() []Served { return s.served }
