package instance

import (
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// maxMethod is how long the name of a client's method may be, in bytes.
const maxMethod = 512

var (
	errMethod = fmt.Errorf("the name of a method is longer than %d bytes", maxMethod)
	errUnsaid = errors.New("too much waits to be sent to clients")
)

// Invoke implements script.Instance. It encodes at once, in the script's goroutine.
func (s *scripted) Invoke(client, method string, args []amf.Value, answer func(script.Answer)) bool {
	g := s.guest(client)
	if g == nil {
		return false
	}
	v, err := s.encode(method, g.amf3, args)
	if err != nil {
		s.unsaid(method, err)
		noAnswer(answer, err.Error())
		return true
	}
	n := cost(v.Args)
	if !s.post(func(*owner) { s.out.say(n, func() { g.peer.Invoke(v, s.answered(answer)) }) }) {
		s.out.give(n)
		return false
	}
	return true
}

// Broadcast calls a method of all clients that were let in.
func (s *scripted) Broadcast(method string, args []amf.Value) {
	v0, err := s.encode(method, false, args)
	if err != nil {
		s.unsaid(method, err)
		return
	}
	n, v3 := cost(v0.Args), session.Invocation{}
	all := s.count() * perGuest
	if !s.out.take(all) {
		s.out.give(n)
		s.unsaid(method, errUnsaid)
		return
	}
	n += all
	if s.speakAMF3() {
		if v3, err = s.encode(method, true, args); err != nil {
			s.out.give(n)
			s.unsaid(method, err)
			return
		}
		n += cost(v3.Args)
	}
	if !s.post(func(*owner) {
		all := s.audience()
		s.out.say(n, func() { s.broadcast(all, v0, v3) })
	}) {
		s.out.give(n)
	}
}

// broadcast calls a method of all: of those who share a way at once.
func (s *scripted) broadcast(all []*guest, v0, v3 session.Invocation) {
	var plain, amf3 map[session.Way][]session.Peer
	for _, g := range all {
		s.out.rest()
		v, many := v0, &plain
		if g.amf3 && v3.Method != "" {
			v, many = v3, &amf3
		}
		way := session.WayOf(g.peer)
		if way == nil {
			g.peer.Invoke(v, nil)
			continue
		}
		if *many == nil {
			*many = map[session.Way][]session.Peer{}
		}
		(*many)[way] = append((*many)[way], g.peer)
	}
	for way, to := range plain {
		way.Invoke(v0, to)
	}
	for way, to := range amf3 {
		way.Invoke(v3, to)
	}
}

// encode makes a call, and has room taken for it.
func (s *scripted) encode(method string, amf3 bool, args []amf.Value) (session.Invocation, error) {
	if len(method) > maxMethod {
		return session.Invocation{}, errMethod
	}
	v, err := s.values(amf3, args...)
	if err != nil {
		return session.Invocation{}, err
	}
	return session.NewInvocation(method, v), nil
}

func (s *scripted) values(amf3 bool, args ...amf.Value) (rtmp.Values, error) {
	v, err := rtmp.EncodeValues(amf3, session.MaxInvocation, args...)
	if err == nil && !s.out.take(cost(v)) {
		err = errUnsaid
	}
	return v, err
}

// cost is what values take that wait to be said.
func cost(v rtmp.Values) int { return len(v.Bytes) + perSaying }

func (s *scripted) unsaid(method string, err error) {
	s.log.Warn("a script's call of a client's method was not sent", "method", session.Printable(method), "err", err)
}

// answered hands a client's answer to the script, behind what the client has asked
// before.
func (s *scripted) answered(answer func(script.Answer)) func(session.Answer) {
	if answer == nil {
		return nil
	}
	return func(a session.Answer) {
		said := script.Answer{Value: a.Value, Error: a.Error, Taken: a.Taken}
		if !s.post(func(*owner) { answer(said) }) {
			answer(said)
		}
	}
}

// noAnswer answers in place of a client.
func noAnswer(answer func(script.Answer), why string) {
	if answer != nil {
		answer(script.Answer{Error: true, Value: amf.NewObject(
			"level", "error", "code", "NetConnection.Call.Failed", "description", why)})
	}
}

// Call implements session.Instance.
func (i *Instance) Call(r session.CallRequest, answer func(session.CallAnswer)) {
	s := i.script
	if s == nil {
		answer(session.CallAnswer{Missing: true})
		return
	}
	ok := s.post(func(*owner) {
		if g := s.guest(r.ID); g == nil || !g.in {
			answer(session.CallAnswer{Failed: "The client is not connected."})
			return
		}
		s.host.Call(script.Call{Client: r.ID, Method: r.Method, Args: r.Args, Size: r.Size, Answer: func(a script.CallAnswer) { s.result(r, a, answer) }})
	})
	if !ok {
		answer(session.CallAnswer{Failed: string(session.RefusedStopping)})
	}
}

// result brings what has come of a client's call to it, behind what the script has
// said before. It encodes at once, in the script's goroutine.
func (s *scripted) result(r session.CallRequest, a script.CallAnswer, answer func(session.CallAnswer)) {
	said, n := session.CallAnswer{Missing: a.Missing, Failed: a.Failed}, 0
	if !a.Missing && (a.Failed == "" || a.Value != nil) {
		var err error
		if said.Result, err = s.values(r.AMF3, a.Value); err != nil {
			s.log.Warn("the result of a client's call was not sent", "client", r.ID, "method", session.Printable(r.Method), "err", err)
			said = session.CallAnswer{Failed: "The result cannot be sent: " + err.Error()}
		} else {
			n = cost(said.Result)
		}
	}
	if !s.post(func(*owner) { s.out.say(n, func() { answer(said) }) }) {
		s.out.give(n)
		answer(said)
	}
}
