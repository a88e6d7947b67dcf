package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
)

// webRequest is a viewer's request on its way to a stream.
type webRequest struct {
	server   *Server
	r        *http.Request
	way      outlet.Way
	at       usher
	inst     *instance.Instance // nil: it is elsewhere
	name     string             // of the stream
	operator bool
	sitting  *sitting // that the request belongs to; nil: to none that there is
	asked    bool     // its script was
	token    string   // of the sitting that begins with it
	seated   *webViewer
	release  func() // lets the instance be unloaded
}

// usher counts viewers, and has a log for what is said of them: an instance of this process
// or, at an edge, its origin. Those of one place are the same.
type usher interface {
	// enter lets a viewer in, or says why not; each success is matched by a leave.
	enter(v *webRequest, one *webViewer) error
	leave(one *webViewer)
	Log() *slog.Logger
}

// here is an instance of this process.
type here struct{ *instance.Instance }

// enter implements usher.
func (h here) enter(v *webRequest, one *webViewer) error {
	answers := make(chan *session.Refusal, 1)
	h.Watch(&one.Viewer, func(why *session.Refusal) { answers <- why })
	if why := <-answers; why != nil {
		if why.Code == session.RefusedLimit {
			v.server.count("instance is full") // as clients by RTMP are counted
		}
		return watchRefusal(why)
	}
	return nil
}

// leave implements usher.
func (h here) leave(one *webViewer) { h.Unwatch(&one.Viewer) }

// request is one for what is at a path, by somebody who may play there as far as
// the manifest says so.
func (h house) request(r *http.Request, way outlet.Way, path string) (*webRequest, error) {
	i, name, release, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	v := &webRequest{server: h.s, r: r, way: way, at: here{i}, inst: i, name: name, operator: outlet.IsOperator(r.Context()), release: release}
	if !v.operator {
		err = mayPlay(r, i, name)
	}
	if err == nil && way.Requests() {
		v.sitting, err = h.s.sittings.find(v)
	}
	if err != nil {
		release()
		return nil, v.refused(err)
	}
	return v, nil
}

// leaves ends what has come to nothing: what watch has taken over goes on.
func (v *webRequest) leaves() {
	if v.sitting != nil {
		v.sitting.rest(false)
	}
	v.release()
}

// refused tells the log of a viewer that is kept out.
func (v *webRequest) refused(err error) error {
	var no *outlet.Refusal
	if errors.As(err, &no) {
		v.at.Log().Info("watching refused", "address", v.r.RemoteAddr, "stream", session.Printable(v.name), "way", string(v.way), "reason", no.Reason)
	}
	return err
}

// watch counts the viewer from now on, until what it is given is closed, which closes the
// file that it is sent, if there is one.
func (v *webRequest) watch(live bool, file func()) (*outlet.Viewing, error) {
	if v.sitting == nil && v.r.Method == http.MethodHead {
		return outlet.NewViewing(v.r.Context(), new(atomic.Uint64), "", file), nil
	}
	if v.sitting == nil && v.way.Requests() {
		var err error
		if v.sitting, err = v.server.sittings.begin(v, live); err != nil {
			return nil, v.refused(err)
		}
	}
	if s := v.sitting; s != nil {
		v.sitting = nil // it rests when the request is over
		v.seated, v.token = s.webViewer, s.token
		viewing := outlet.NewViewing(s.ctx, &s.sent, s.token, s.sending(v.r.Context(), file))
		viewing.Asked = s.may
		return viewing, nil
	}
	one := v.viewer(live)
	v.seated = one
	if err := v.enter(one); err != nil {
		return nil, v.refused(err)
	}
	viewing := outlet.NewViewing(one.ctx, &one.sent, "", func() {
		file()
		one.gone()
	})
	viewing.Cut = one.cancel
	return viewing, nil
}

// webViewer is a viewer by HTTP that its instance counts.
type webViewer struct {
	instance.Viewer
	at      usher
	far     *granted        // what an edge has of its origin for the viewer; nil: it is no edge
	ctx     context.Context // ends when the viewer is to go
	cancel  context.CancelCauseFunc
	may     context.Context // ends when what it may is to be asked anew
	mayNot  context.CancelCauseFunc
	sent    atomic.Uint64
	files   atomic.Int64 // open for its requests, where the instance counts it without them
	since   time.Time
	gone    func() // says, once, that it has gone
	release func()
}

// viewer is who makes the request.
func (v *webRequest) viewer(live bool) *webViewer {
	one := &webViewer{at: v.at, since: time.Now(), release: func() {}}
	one.ctx, one.cancel = context.WithCancelCause(context.Background())
	one.may, one.mayNot = context.WithCancelCause(one.ctx)
	one.gone = sync.OnceFunc(one.leave)
	one.Viewer = instance.Viewer{
		Client: session.Client{ID: rand.Text()[:8], Address: v.r.RemoteAddr, Agent: session.Printable(v.r.UserAgent())},
		Way:    string(v.way), Stream: v.name, Live: live,
		Plays: !v.way.Requests() && (!live || v.way.Plays()), Asked: v.asked, Operator: v.operator,
		Sent: &one.sent, Files: &one.files,
		End: func(reason string, barred bool) { one.cancel(ended(reason, barred)) },
	}
	return one
}

// ended is why a viewer is to go.
func ended(reason string, barred bool) error {
	if barred {
		return outlet.Refuse(http.StatusForbidden, reason)
	}
	return outlet.Refuse(http.StatusServiceUnavailable, reason)
}

// enter has a viewer counted, which goes by its gone.
func (v *webRequest) enter(one *webViewer) error {
	if err := v.at.enter(v, one); err != nil {
		one.cancel(nil)
		return err
	}
	one.release, v.release = v.release, one.release
	one.log().Info("watching", "agent", one.Agent, "recorded", !one.Live)
	return nil
}

func (one *webViewer) log() *slog.Logger {
	return one.at.Log().With("client", one.ID, "address", one.Address, "stream", session.Printable(one.Stream), "way", one.Way)
}

func (one *webViewer) leave() {
	one.at.leave(one)
	said := []any{"seconds", int(time.Since(one.since).Seconds()), "sent", one.sent.Load()}
	if why := context.Cause(one.ctx); why != nil {
		said = append(said, "because", why.Error())
	}
	one.log().Info("watched", said...)
	one.cancel(nil)
	one.release()
}
