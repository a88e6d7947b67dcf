package script

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// gateway is a NetConnection to a gateway of Flash Remoting. It is used by the script's
// goroutine alone. Calls of one event go out together; each is answered once, whatever
// becomes of it.
type gateway struct {
	w       *world
	object  *engine.Object // the NetConnection; kept while calls are under way
	url     string
	headers []envelopeHeader
	queue   []*remoteCall
	owed    int // calls that have not been answered
}

type remoteCall struct {
	number    int
	method    string
	by        string
	args      []amf.Value
	responder *engine.Object // kept; nil: nobody waits for the answer
}

const (
	maxBatchCalls = 50
	maxURL        = 4096
	maxRemote     = 1000 // calls of one connection that have no answer yet
)

func (g *gateway) call(o *engine.Object, method string, responder *engine.Object, args []amf.Value) (bool, error) {
	w := g.w
	if g.owed >= maxRemote || w.outward.requests >= maxRequests {
		return false, fmt.Errorf("NetConnection.call(%q): %d calls wait for answers, which is as many as a script may have", method, g.owed)
	}
	c := &remoteCall{method: method, by: "NetConnection.call(" + strconv.Quote(method) + ")", args: args, responder: responder}
	if at := w.where(); at != "" {
		c.by += " at " + at
	}
	if responder != nil {
		responder.Keep()
	}
	if g.owed == 0 {
		g.object = o.Keep()
	}
	g.owed++
	w.outward.requests++
	if g.queue = append(g.queue, c); len(g.queue) == 1 {
		w.post(g.flush)
	}
	return true, nil
}

func (g *gateway) connectedNow() bool { return true }
func (g *gateway) uri() string        { return g.url }
func (g *gateway) leave()             {} // calls that are under way are answered all the same
func (g *gateway) close()             {}

// flush sends what has been called.
func (g *gateway) flush() {
	calls := g.queue
	g.queue = nil
	for len(calls) > 0 {
		n := min(len(calls), maxBatchCalls)
		g.send(calls[:n])
		calls = calls[n:]
	}
}

// send sends calls in one envelope.
func (g *gateway) send(calls []*remoteCall) {
	e := envelope{Headers: g.headers}
	for i, c := range calls {
		c.number = i + 1
		e.Bodies = append(e.Bodies, envelopeBody{Target: c.method, Response: "/" + strconv.Itoa(c.number), Value: amf.NewArray(c.args...)})
	}
	body, err := appendEnvelope(nil, e)
	if err != nil {
		g.failed(calls, "NetConnection.Call.Failed", err)
		return
	}
	q := outgoing.Request{Method: http.MethodPost, URL: g.url, Body: body, Header: http.Header{"Content-Type": {remotingType}}}
	w := g.w
	network, ctx, most := w.network(), w.ctx, 4*w.rt.Limits().Value
	go func() {
		r, err := network.Do(ctx, q)
		stop := context.AfterFunc(ctx, r.Release)
		var e envelope
		if err == nil {
			e, err = answerOf(r, most)
		}
		w.post(func() {
			stop()
			r.Release()
			g.answered(calls, e, err)
		})
	}()
}

// answerOf reads an answer's envelope, whatever its type says of it.
func answerOf(r *outgoing.Response, most int) (envelope, error) {
	e, err := readEnvelope(r.Body, most)
	if err != nil && r.Status >= http.StatusBadRequest {
		err = fmt.Errorf("the answer is %d %s", r.Status, http.StatusText(r.Status))
	}
	return e, err
}

// answered tells the script what has become of calls.
func (g *gateway) answered(calls []*remoteCall, e envelope, err error) {
	switch {
	case errors.Is(err, errNoEnvelope):
		g.failed(calls, "NetConnection.Call.BadVersion", err)
		return
	case err != nil:
		g.failed(calls, "NetConnection.Call.Failed", err)
		return
	}
	for _, h := range e.Headers {
		if !g.obey(h) && h.Must {
			g.failed(calls, "NetConnection.Call.Failed", fmt.Errorf("the answer has a header %q that must be understood, and is not", h.Name))
			return
		}
	}
	for _, b := range e.Bodies {
		n, how, ok := answerTo(b.Target)
		if !ok || n < 1 || n > len(calls) || calls[n-1] == nil || how != "onResult" && how != "onStatus" {
			continue // answers to nothing, and what gateways tell debuggers
		}
		c := calls[n-1]
		calls[n-1] = nil
		g.w.scope(func() { g.tell(c, how, b.Value) })
		g.done(c)
	}
	g.failed(calls, "NetConnection.Call.Failed", errors.New("the gateway did not answer it"))
}

// obey does what a gateway says in a header; false: it is none that we know.
func (g *gateway) obey(h envelopeHeader) bool {
	text, _ := h.Value.(string)
	switch h.Name {
	case "AppendToGatewayUrl":
		if len(g.url)+len(text) <= maxURL {
			g.url += text
		}
	case "ReplaceGatewayUrl":
		if text != "" && len(text) <= maxURL {
			g.url = text
		}
	case "RequestPersistentHeader":
		o, _ := h.Value.(*amf.Object)
		name, _ := o.Get("name")
		must, _ := o.Get("mustUnderstand")
		data, _ := o.Get("data")
		if s, ok := name.(string); ok {
			g.setHeader(envelopeHeader{Name: s, Must: must == true, Value: data}, false)
		}
	default:
		return false
	}
	return true
}

// setHeader has all envelopes from now on carry a header, in the place of one of its
// name, or takes that away.
func (g *gateway) setHeader(h envelopeHeader, remove bool) {
	for i := range g.headers {
		if g.headers[i].Name == h.Name {
			g.headers = append(g.headers[:i:i], g.headers[i+1:]...)
			break
		}
	}
	if !remove && len(g.headers) < maxEnvelope {
		g.headers = append(g.headers[:len(g.headers):len(g.headers)], h)
	}
}

// tell tells a call's responder of its answer.
func (g *gateway) tell(c *remoteCall, how string, answer amf.Value) {
	v, err := g.w.values.In(answer)
	if err != nil {
		g.fail(c, "NetConnection.Call.Failed", err)
		return
	}
	if c.responder != nil && g.w.method(c.responder, how) != nil {
		g.w.call(c.responder, how, v)
		return
	}
	if how == "onStatus" && !g.status(v) {
		g.w.report(fmt.Errorf("%s: %s", c.by, descriptionOf(answer)))
	}
}

// status tells the NetConnection's own onStatus; false: it has none.
func (g *gateway) status(info engine.Value) bool {
	if g.w.method(g.object, "onStatus") == nil {
		return false
	}
	g.w.call(g.object, "onStatus", info)
	return true
}

// failed tells the script of calls that came to nothing: each one's responder, and the
// NetConnection once.
func (g *gateway) failed(calls []*remoteCall, code string, err error) {
	said := false
	for _, c := range calls {
		if c == nil {
			continue
		}
		if !said {
			said = true
			g.w.report(fmt.Errorf("%s: %w", c.by, err))
			g.w.scope(func() {
				if info, err := g.w.values.In(failure(code, c.method, err)); err == nil {
					g.status(info)
				}
			})
		}
		g.w.scope(func() { g.fail(c, code, err) })
		g.done(c)
	}
}

func (g *gateway) fail(c *remoteCall, code string, err error) {
	if c.responder == nil {
		return
	}
	info, failed := g.w.values.In(failure(code, c.method, err))
	if failed != nil {
		g.w.report(failed)
		return
	}
	g.w.call(c.responder, "onStatus", info)
}

func failure(code, method string, err error) *amf.Object {
	return amf.NewObject("level", "error", "code", code, "description", err.Error(), "details", method)
}

func (g *gateway) done(c *remoteCall) {
	c.responder.Release()
	g.w.outward.requests--
	if g.owed--; g.owed == 0 {
		g.object.Release()
	}
}
