package script

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// outward is what a world has under way outside.
type outward struct {
	announce   *engine.Object
	carrier    *engine.Type   // see hostObject
	onData     *engine.Object // LoadVars.prototype.onData
	requests   int
	pushes     int // streams that are published on other servers
	folder     *folder
	file       *engine.Type
	prototypes []prototype
}

// nowhere is the network of a script that may reach nothing.
var nowhere = outgoing.New(outgoing.Config{})

// network is what the script may reach.
func (w *world) network() *outgoing.Network {
	if n := w.host.cfg.Network; n != nil {
		return n
	}
	return nowhere
}

// maxRequests is how many requests a script may have begun that it has not heard of:
// those that outgoing has under way or lets wait, and those whose answers wait for
// their turn in the script.
const maxRequests = 1000

// transfer is how far an answer has come. It belongs to a hidden property of the object
// that is to get it.
type transfer struct{ loaded, total atomic.Int64 }

func (t *transfer) bytesLoaded() int64 { return t.loaded.Load() }
func (t *transfer) bytesTotal() int64  { return t.total.Load() }

const transferName = "_transfer"

// request is what a script wants of a URL.
type request struct {
	by     string // the method that wants it, as errors tell it
	target *engine.Object
	outgoing.Request
	unasked bool // nobody was asked
}

// beginRequest has a request made beside, and its answer told to the target: onHTTPStatus, if
// it was made, then onData. false: too many are under way.
func (w *world) beginRequest(q request) (bool, error) {
	if at := w.where(); at != "" {
		q.by += " at " + at
	}
	if w.outward.requests >= maxRequests {
		w.report(fmt.Errorf("%s: %d requests are under way, which is as many as a script may have", q.by, maxRequests))
		return false, nil
	}
	t := &transfer{}
	if q.target != nil {
		if err := w.follow(q.target, t); err != nil {
			return false, err
		}
		q.target.Keep()
	}
	q.Progress = func(loaded, total int64) {
		t.loaded.Store(loaded)
		t.total.Store(max(total, loaded))
	}
	w.outward.requests++
	network, ctx := w.network(), w.ctx
	go func() {
		var r *outgoing.Response
		err := network.Check(q.URL)
		q.unasked = err != nil
		if err == nil {
			r, err = network.Do(ctx, q.Request)
		}
		// What has been posted to a world that ends is heard by nobody.
		stop := context.AfterFunc(ctx, r.Release)
		w.post(func() {
			stop()
			w.endRequest(q, r, err)
		})
	}()
	return true, nil
}

// follow hangs a transfer on the object that is to get it.
func (w *world) follow(o *engine.Object, t *transfer) error {
	v, err := w.hostObject(t)
	if err != nil {
		return err
	}
	return hide(o, transferName, v)
}

// hostObject makes an object for something of Go's, to hang on an object of a class that
// is written in the script's language.
func (w *world) hostObject(host any) (engine.Value, error) {
	if w.outward.carrier == nil {
		class, err := w.rt.Define(engine.Class{Name: "Object"})
		if err != nil {
			return engine.Undefined, err
		}
		w.outward.carrier = class
	}
	o, err := w.outward.carrier.New(host)
	return o.Value(), err
}

// bytesOf says how far the object's transfer has come: undefined before there was one.
func bytesOf(of func(*transfer) int64) engine.Func {
	return func(c *engine.Call) (engine.Value, error) {
		v, err := c.Arg(0).Object().Get(transferName)
		if err != nil || v.Object() == nil {
			return engine.Undefined, err
		}
		t, ok := v.Object().Host().(*transfer)
		if !ok {
			return engine.Undefined, nil
		}
		return engine.Number(float64(of(t))), nil
	}
}

// endRequest tells a target what has become of its request.
func (w *world) endRequest(q request, r *outgoing.Response, err error) {
	w.outward.requests--
	defer r.Release()
	defer q.target.Release()
	text := engine.Undefined
	if err == nil {
		text, err = w.text(r)
	}
	if err != nil {
		w.report(fmt.Errorf("%s: %w", q.by, err))
	}
	if q.target == nil {
		return
	}
	var refused *outgoing.Refused
	if !q.unasked && !errors.As(err, &refused) {
		status := 0
		if r != nil {
			status = r.Status
		}
		w.call(q.target, "onHTTPStatus", engine.Number(float64(status)))
	}
	w.tellData(q.target, text)
}

// tellData calls onData, which LoadVars and XML have, or what LoadVars does where there
// is none.
func (w *world) tellData(target *engine.Object, text engine.Value) {
	if w.method(target, "onData") != nil {
		w.call(target, "onData", text)
		return
	}
	if w.outward.onData == nil { // makes the class
		if _, err := w.global.Get("LoadVars"); err != nil || w.outward.onData == nil {
			return
		}
	}
	if _, err := w.outward.onData.Call(target.Value(), text); err != nil {
		w.report(err)
	}
}

// text is an answer's text. One that says that it failed has none.
func (w *world) text(r *outgoing.Response) (engine.Value, error) {
	if r.Status >= http.StatusBadRequest {
		return engine.Undefined, fmt.Errorf("the answer is %d %s", r.Status, http.StatusText(r.Status))
	}
	s := decodeText(r.Body, r.Header.Get("Content-Type"))
	if limit := w.rt.Limits().Value - 1024; len(s) > limit {
		return engine.Undefined, fmt.Errorf("the answer is larger than %d bytes", limit)
	}
	return engine.String(s), nil
}

// nativeRequest begins a request for a library: by, target, url, method, body, content
// type, headers (an array of names and values by turns).
func (w *world) nativeRequest(c *engine.Call) (engine.Value, error) {
	url := strings.TrimSpace(c.Arg(2).Text())
	if url == "" {
		return engine.Bool(false), nil
	}
	header, err := requestHeader(c.Arg(6).Object())
	if err != nil {
		return engine.Undefined, err
	}
	method, body := strings.ToUpper(c.Arg(3).Text()), c.Arg(4).Text()
	q := request{by: c.Arg(0).Text(), target: c.Arg(1).Object(), Request: outgoing.Request{Method: method, URL: url, Header: header}}
	switch method {
	case http.MethodGet:
		if body != "" {
			q.URL += querySeparator(url) + body
		}
	case http.MethodPost:
		q.Body = []byte(body)
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", c.Arg(5).Text())
		}
	default:
		return engine.Undefined, engine.TypeError("%s: the method must be GET or POST, and is %q", q.by, method)
	}
	ok, err := w.beginRequest(q)
	return engine.Bool(ok), err
}

// nativeFailed is told by a library of what it could not do.
func (w *world) nativeFailed(c *engine.Call) (engine.Value, error) {
	w.report(errors.New(c.Arg(0).Text()))
	return engine.Undefined, nil
}

func querySeparator(url string) string {
	switch {
	case !strings.Contains(url, "?"):
		return "?"
	case strings.HasSuffix(url, "?"), strings.HasSuffix(url, "&"):
		return ""
	}
	return "&"
}

// maxHeaders is how many headers a script may add to a request.
const maxHeaders = 100

func requestHeader(array *engine.Object) (http.Header, error) {
	header := http.Header{}
	if array == nil {
		return header, nil
	}
	for i := uint32(0); i < 2*maxHeaders; i += 2 {
		name, err := array.Index(i)
		if err != nil || name.Kind() != engine.KindString {
			return header, err
		}
		value, err := array.Index(i + 1)
		if err != nil {
			return header, err
		}
		header.Set(name.Text(), value.Text())
	}
	return header, nil
}
