package session_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// stayer is a client of an edge that stays when the link is lost.
type stayer struct {
	session.Peer
	t      *testing.T
	client session.Client
	inst   session.Instance
	back   atomic.Int64
}

func (s *stayer) Returned(a session.ConnectAnswer) {
	if a.Refusal != nil {
		s.t.Errorf("%s is not let in again: %v", s.client.ID, a.Refusal)
	}
	s.back.Add(1)
}

func (s *stayer) Traffic() session.Traffic { return session.Traffic{} }

func (s *stayer) Shutdown(why string) { s.t.Errorf("%s is told to go: %s", s.client.ID, why) }

// A thousand clients of an edge come back when its link does, time and again, while others
// leave and all go on asking: each is known to the origin once, and none waits for ever.
func TestAThousandReturn(t *testing.T) {
	t.Parallel()
	h, _ := run(t, overLink, open)
	net := servertest.NewProxy(t, h.link.tcp.Addr())
	cfg := h.link.cfg
	cfg.Origin, cfg.ConnectWaits = net.Addr().String(), 10*patience
	e := edge.New(cfg)
	t.Cleanup(e.Close)
	const clients, rounds, leave = 1000, 3, 100
	known := func(n int) func() bool { return func() bool { return h.Stats()[0].Connections == n } }
	var all []*stayer
	var came sync.WaitGroup
	for n := range clients {
		s := &stayer{t: t, client: session.Client{ID: fmt.Sprint("c", n), Address: fmt.Sprintf("192.0.2.%d:1000", n%200)}}
		all = append(all, s)
		came.Add(1)
		e.Connect(session.ConnectRequest{Client: s.client, Application: "app", Instance: "one"}, s, func(a session.ConnectAnswer) {
			if a.Refusal != nil {
				t.Errorf("%s is not let in: %v", s.client.ID, a.Refusal)
			}
			s.inst = a.Instance
			came.Done()
		})
	}
	came.Wait()
	if t.Failed() {
		return
	}
	for range rounds {
		before := make([]int64, len(all))
		for i, s := range all {
			before[i] = s.back.Load()
		}
		net.Cut()
		eventually(t, "the origin lets go of all", known(0))
		net.To(h.link.tcp.Addr())
		var asked sync.WaitGroup
		for i, s := range all {
			asked.Add(1)
			go s.inst.Call(session.CallRequest{Client: s.client, Method: "any"}, func(session.CallAnswer) { asked.Done() })
			if i < leave {
				go s.inst.Leave(s.client)
			}
		}
		asked.Wait() // each is answered, with or without a link
		all, before = all[leave:], before[leave:]
		eventually(t, "all are known again", known(len(all)))
		eventually(t, "all are back", func() bool {
			for i, s := range all {
				if s.back.Load() == before[i] {
					return false
				}
			}
			return true
		})
	}
	for _, s := range all {
		s.inst.Leave(s.client)
	}
	eventually(t, "nobody is left", known(0))
}
