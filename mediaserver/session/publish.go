package session

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// publishing is what a NetStream publishes. Media is written to it by the
// goroutine that reads; all else is used in turns of the session.
type publishing struct {
	Publication
	ns      *netStream
	name    string
	proved  bool     // its publisher has shown that it may
	asked   bool     // and wants a recording
	records bool     // and there is one
	failed  *Refusal // why the recording has ended by itself; nil: it has not
	heard   bool     // it has begun, and its end was not told: its publisher hears of it
	news    news     // of it
	holed   bool     // the recording lacks what was lost with the way to the instance:
	lacks   time.Duration
	over    atomic.Bool // another has the name: its session knows, or will in a turn
	idle    *idleWatch
}

// publish(name, type) makes the client the publisher of a name;
// publish(false) ends it. Statuses in the order of PROTOCOL.md §3.
func (ns *netStream) publish(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 && cmd.Args[0] == false {
		return ns.stopPublishing()
	}
	s := ns.session
	request, bad := ns.publishRequest(cmd)
	if bad != nil {
		s.inst.Refused(request, bad)
		return ns.fail(codePublishBadName, request.Name, "%s.", bad.Error())
	}
	if ok, err := ns.leaveFor(request); !ok {
		return err
	}
	p := &publishing{ns: ns, name: request.Name, asked: request.Mode != PublishLive}
	request.RecordingEnded = func(why *Refusal) { p.happens(event{kind: recordingOver, why: why}) }
	request.TakenOver = func(why *Refusal) { p.lostName(why) }
	request.RecordingBegan = func() { p.happens(event{kind: recordingBegun}) }
	request.Interrupted = func() { p.happens(event{kind: wayLost}) }
	request.Resumed = func(g Gap) { p.happens(event{kind: wayBack, gap: g}) }
	answer, err := ask(s, func(answer func(PublishAnswer)) {
		s.inst.Publish(request, answer)
	}, func(late PublishAnswer) {
		if late.Publication != nil {
			late.Publication.Close(EndedLost, func(error) {})
		}
	})
	switch {
	case errors.Is(err, errPending):
		return ns.fail(codePublishBadName, request.Name, "%s.", refusedPublish(request.Name, s.noAnswer()))
	case err != nil:
		return nil // the client has gone
	case answer.Refusal != nil:
		return ns.mayNot(request, answer.Refusal)
	}
	s.wrongKeys = 0
	p.Publication, p.proved, p.records, p.heard = answer.Publication, answer.Proved, p.asked && answer.Recorded, true
	p.idle = p.watchIdle()
	ns.publishing, ns.name = p, request.Name
	s.routeMedia(ns.id, p)
	s.log.Info("publishing", "stream", p.name, "mode", string(request.Mode), "recorded", answer.Recorded)
	if err := s.conn.Send(rtmp.UserControl(rtmp.EventStreamBegin, ns.id)); err != nil {
		return err
	}
	if err := ns.tell(codePublishStart, p.name, "%s is now published.", p.name); err != nil {
		return err
	}
	switch {
	case p.records:
		return ns.tell(codeRecordStart, p.name, "Recording %s.", p.name)
	case p.asked && answer.NotRecorded != nil:
		return ns.notRecorded(p.name, answer.NotRecorded)
	}
	return nil
}

// stopPublishing is publish(false).
func (ns *netStream) stopPublishing() error {
	published := ns.publishing != nil
	ns.end(true)
	if published {
		return nil // it was told
	}
	return ns.tell(codeUnpublishSuccess, ns.name, "Nothing was published.")
}

// leaveFor ends what the stream does, before it publishes: but not for a client
// that may not publish. It returns false when the client was told so, or is gone.
func (ns *netStream) leaveFor(request PublishRequest) (ok bool, err error) {
	if ns.publishing == nil && ns.playing == nil {
		return true, nil // Publish asks the same
	}
	s := ns.session
	why, err := ask(s, func(answer func(*Refusal)) { s.inst.MayPublish(request, answer) }, func(*Refusal) {})
	switch {
	case errors.Is(err, errPending):
		why = s.noAnswer()
	case err != nil:
		return false, nil
	}
	if why != nil {
		return false, ns.mayNot(request, why)
	}
	ns.end(true)
	return true, nil
}

// publishRequest is what publish asks for, and why that cannot be understood.
// The name is as it came then.
func (ns *netStream) publishRequest(cmd *rtmp.Command) (r PublishRequest, bad *Refusal) {
	s := ns.session
	r = PublishRequest{Client: s.client, Mode: PublishLive}
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return r, &Refusal{Code: RefusedBadRequest, Reason: "publish needs the name of a stream"}
	}
	name, query, err := parseNewName(raw)
	if err != nil {
		r.Name = withoutQuery(raw)
		return r, &Refusal{Code: RefusedBadRequest, Reason: "Cannot publish: " + err.Error()}
	}
	_, r.Query, _ = strings.Cut(raw, "?")
	r.Name, r.Credentials = name, s.credentials(query)
	if word, ok := text(cmd.Args, 1); ok && word != "" {
		r.Mode = PublishMode(word)
	}
	switch r.Mode {
	case PublishLive, PublishRecord, PublishAppend, PublishAppendWithGap:
		return r, nil
	}
	return r, &Refusal{Code: RefusedBadRequest, Reason: fmt.Sprintf(
		"Cannot publish as %q: use live, record, append or appendWithGap", Printable(string(r.Mode)))}
}

// credentials finds the key where encoders put it: behind the stream name, else
// in app or tcUrl.
func (s *Session) credentials(name url.Values) Credentials {
	if key := name.Get("key"); key != "" {
		return Credentials{Key: key}
	}
	return Credentials{Key: s.query.Get("key")}
}

// refusedPublish says to a publisher why it may not publish, and what to do.
func refusedPublish(name string, why *Refusal) string {
	switch why.Code {
	case RefusedNoKeyGiven:
		return "Publishing here needs a key, and no key was given: append ?key=KEY to the stream name"
	case RefusedWrongKey:
		return "Wrong publish key: check what follows ?key= in the stream name"
	case RefusedKeyReplaced:
		return "This publish key was replaced and is no longer valid: use the new one"
	case RefusedNoKey:
		return "Publishing here needs a key, and the server has none yet: nobody can publish until whoever runs it gives it one"
	case RefusedTaken:
		return name + " is already published"
	}
	return "Cannot publish: " + why.Error()
}

// notRecorded tells a publisher that asked for a recording why there is none.
func (ns *netStream) notRecorded(name string, why *Refusal) error {
	switch why.Code {
	case RefusedRecordingOff, RefusedBadName, RefusedReadOnly, RefusedFileBusy:
		return ns.fail(codeRecordNoAccess, name, "Not recorded: %s.", why.Error())
	}
	return ns.fail(codeRecordFailed, name, "Not recorded: %s.", why.Error())
}

// unpublish gives the name back and, when the client is still there to hear it,
// says so once the recording is finished.
func (ns *netStream) unpublish(tell bool) { ns.leaveName(EndedAsked)(tell) }

// leaveName begins to end a publication. What it returns waits for the end, and
// tells of it.
func (ns *netStream) leaveName(how Ending) (finish func(tell bool)) {
	s, p := ns.session, ns.publishing
	ns.publishing = nil
	s.routeMedia(ns.id, nil)
	p.idle.stop()
	ended := make(chan error, 1)
	p.Close(how, func(err error) { ended <- err })
	return func(tell bool) {
		err := s.awaitEnd(p.Publication, ended)
		if err != nil {
			s.log.Error("recording not finished cleanly", "stream", p.name, "err", err)
		}
		s.log.Info("unpublished", "stream", p.name)
		if tell {
			p.tellEnd(err)
		}
		p.heard = false
	}
}

// tellEnd tells a publisher that its publication is over; err is why its recording
// is not known to be whole, nil when it is.
func (p *publishing) tellEnd(err error) {
	p.hearNews()
	ns := p.ns
	var said []*rtmp.Message
	left := ""
	switch {
	case !p.records || p.failed != nil:
	case err == nil:
		hole := ""
		if p.holed {
			hole = ", which lacks what was lost on its way here (" + seconds(p.lacks) + " at least)"
		}
		said = append(said, ns.status(codeRecordStop, p.name, "Stopped recording %s%s.", p.name, hole))
	case errors.Is(err, errUnfinished):
		left = ", and its recording not finished yet"
	default: // the instance is lost, else it had said so
		said = append(said, ns.failure(codeRecordFailed, p.name, "Recording ended: it could not be finished."))
	}
	said = append(said, ns.status(codeUnpublishSuccess, p.name, "%s is now unpublished%s.", p.name, left))
	if err := ns.session.conn.Send(said...); err != nil {
		ns.session.log.Debug("tell of unpublishing", "err", err)
	}
}

// routeMedia lets what comes on a NetStream go to a publication, nil for none.
func (s *Session) routeMedia(id uint32, p *publishing) {
	routes := map[uint32]*publishing{}
	if was := s.publishing.Load(); was != nil {
		routes = maps.Clone(*was)
	}
	if routes[id] = p; p == nil {
		delete(routes, id)
	}
	s.publishing.Store(&routes)
	s.stand()
}

// lostName has a publisher told, once, that another has its name; see takenOver.
// It may be called from any goroutine, and does not wait.
func (p *publishing) lostName(why error) {
	if !p.over.Swap(true) {
		p.ns.session.turns.post(func() { p.takenOver(why) })
	}
}

// takenOver tells a publisher that another has its name by now, before it waits for
// its recording. Its connection ends, within grace where the client does not hang up
// itself, and an encoder comes back or tells its user; but for a client that
// publishes or plays something else as well.
func (p *publishing) takenOver(why error) {
	ns, s := p.ns, p.ns.session
	if ns.publishing != p || s.leaving.Load() {
		return
	}
	grace := p.grace()
	s.log.Warn("publisher was taken over", "stream", p.name, "err", why)
	finish := ns.leaveName(EndedAsked)
	defer finish(false)
	said := "Another publisher has taken over " + p.name
	switch taken := (*Refusal)(nil); {
	case !errors.As(why, &taken):
	case taken.Code == RefusedTaken:
		said = taken.Error()
	default: // it was lost, and may not publish any more
		said = refusedPublish(p.name, taken)
	}
	if err := ns.fail(codePublishBadName, p.name, "%s.", said); err != nil {
		return // the connection is over
	}
	for _, other := range s.streams {
		if other.publishing != nil || other.playing != nil {
			return
		}
	}
	s.dismiss(grace, rtmp.ErrDismissed, "Another has the name that was published.")
}

// grace is how long a publisher that has lost its name may take to close: not long
// when it speaks, and is there to hear of it.
func (p *publishing) grace() time.Duration {
	if time.Since(p.LastWrite()) < lingerFor {
		return lingerFor
	}
	return silentFor
}

// clearData forgets what @setDataFrame had set for a handler, and says so.
func (s *Session) clearData(m *rtmp.Message) error {
	p := s.publicationOf(m.StreamID)
	if p == nil {
		return nil
	}
	values, err := amf.DecodeAll(m.Payload)
	handler, ok := text(values, 1)
	switch {
	case err != nil || !ok:
		return p.ns.fail(codeClearFailed, p.name, "@clearDataFrame needs the name of a handler.")
	case !p.Clear(handler):
		return p.ns.fail(codeClearFailed, p.name, "Nothing is set for %s.", Printable(handler))
	}
	return p.ns.tell(codeClearSuccess, p.name, "%s is cleared.", Printable(handler))
}
