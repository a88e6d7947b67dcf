package script

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// link is a NetConnection to an application of another server, or of this one, by rtmp
// or rtmps. What the far server calls are functions that the script has put on the
// object. It is used by the script's goroutine, but for what says otherwise.
type link struct {
	w      *world
	object *engine.Object // the NetConnection; kept until it is over
	url    string
	by     string
	cancel context.CancelFunc  // closes the connection
	nc     *rtmp.NetConnection // nil before it is connected, and after
	id     string              // the instance that it leads to, when nc is there; "": it has not said
	over   bool                // it hears nothing more
	owed   int                 // calls that wait for answers
	called atomic.Int64        // calls and statuses of the far server that wait for the script; of any goroutine

	ready chan struct{}       // closed when it is known whether it is connected
	open  *rtmp.NetConnection // nil: it is not; after ready
}

const (
	// linkTime is how long a far server may take to let the script in.
	linkTime = time.Minute
	// maxCalled is how many calls and statuses of a far server may wait for the script, and maxFar how
	// large a message of its may be, in bytes.
	maxCalled = 100
	maxFar    = 1 << 20
	// maxInstanceID is how long the name of a far instance may be.
	maxInstanceID = 64
)

// newLink begins to connect. The script hears of it by onStatus.
func (w *world) newLink(o *engine.Object, raw string, args []amf.Value) (*link, error) {
	u, err := farURL(raw)
	if err != nil {
		return nil, fmt.Errorf("NetConnection.connect: %w", err)
	}
	if w.outward.requests >= maxRequests {
		return nil, fmt.Errorf("NetConnection.connect: %d requests are under way, which is as many as a script may have", maxRequests)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	l := &link{w: w, object: o.Keep(), url: raw, by: "NetConnection.connect", cancel: cancel, ready: make(chan struct{})}
	if at := w.where(); at != "" {
		l.by += " at " + at
	}
	w.outward.requests++
	network := w.network()
	go func() {
		defer cancel()
		nc, info, err := l.connect(ctx, network, u, args)
		l.open = nc
		close(l.ready)
		w.post(func() { l.connected(nc, info, err) })
		if err == nil {
			<-nc.Ended()
			w.post(l.ended)
		}
	}()
	return l, nil
}

// farURL is the URL of an application and its instance: it names no stream, and its
// query is the application's.
func farURL(raw string) (*rtmp.URL, error) {
	path, query, asks := strings.Cut(raw, "?")
	if strings.HasPrefix(query, "rtmp") { // to an edge, which is told its origin
		path, asks = raw, false
	}
	u, err := rtmp.ParseURL(path)
	if err != nil {
		return nil, err
	}
	if u.Stream != "" {
		u.App, u.Stream = u.App+"/"+u.Stream, ""
	}
	if asks {
		u.App += "?" + query
	}
	return u, nil
}

// connect connects, beside the script. The connection is closed when the context ends.
func (l *link) connect(ctx context.Context, network *outgoing.Network, u *rtmp.URL, args []amf.Value) (*rtmp.NetConnection, amf.Value, error) {
	limited, done := context.WithTimeout(ctx, linkTime)
	defer done()
	socket, err := dialFar(limited, network, u)
	if err != nil {
		return nil, nil, err
	}
	conn := rtmp.NewClientConn(socket, rtmp.Config{MaxMessageSize: maxFar})
	conn.SetLimits(rtmp.Limits{Message: maxFar, Media: maxFarFrame, Held: maxFar + maxFarFrame, Keeps: true, Budget: network.Memory()})
	context.AfterFunc(ctx, func() { conn.Close() })
	if err := conn.Handshake(); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("connect to %s: %w", u.Host, err)
	}
	nc := rtmp.NewNetConnection(conn)
	nc.OnStatus(func(info *amf.Object) { l.heard(func() { l.status(info) }) })
	nc.HandleOthers(l.farCall)
	object := u.ConnectObject()
	object.Set("flashVer", "FMSc/1.0 (Flashpod)")
	object.Set(rtmp.InstanceID, l.w.host.cfg.Instance.ID())
	answer, err := nc.Connect(limited, object, args...)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("connect to %s: %w", u.TCURL(), err)
	}
	if said, ok := answer.Object.(*amf.Object); ok {
		id, _ := said.Get(rtmp.InstanceID)
		if l.id, _ = id.(string); len(l.id) > maxInstanceID {
			l.id = ""
		}
	}
	if len(answer.Args) == 0 {
		return nc, nil, nil
	}
	return nc, answer.Args[0], nil
}

// far waits for the connection, from any goroutine; nil: there is none.
func (l *link) far(ctx context.Context) *rtmp.NetConnection {
	select {
	case <-l.ready:
		return l.open
	case <-ctx.Done():
		return nil
	}
}

// heard has the script told what the far server says, on the goroutine that reads. Of
// what is too much nothing is heard.
func (l *link) heard(f func()) {
	if l.called.Add(1) > maxCalled {
		l.called.Add(-1)
		return
	}
	l.w.post(func() {
		l.called.Add(-1)
		f()
	})
}

// dialFar opens a connection to a URL's host, under the rules of the network.
func dialFar(ctx context.Context, network *outgoing.Network, u *rtmp.URL) (net.Conn, error) {
	host, digits, err := net.SplitHostPort(u.Host)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: port: %w", u.Host, err)
	}
	if u.TLS {
		return network.DialTLS(ctx, host, uint16(port))
	}
	return network.Dial(ctx, host, uint16(port))
}

// connected tells the script what has become of connect.
func (l *link) connected(nc *rtmp.NetConnection, info amf.Value, err error) {
	l.w.outward.requests--
	switch {
	case l.over: // it was closed, or connected elsewhere
		l.cancel()
	case err == nil:
		l.nc = nc
		if info == nil {
			info = amf.NewObject("level", "status", "code", "NetConnection.Connect.Success", "description", "Connection succeeded.")
		}
		l.w.attachObjects(l)
		l.status(info)
	default:
		l.w.report(fmt.Errorf("%s: %w", l.by, err))
		l.status(refusal(err))
		l.finish()
	}
}

// refusal is what a script hears of a connect that failed.
func refusal(err error) amf.Value {
	var said *rtmp.StatusError
	if errors.As(err, &said) && said.Info != nil {
		return said.Info
	}
	return amf.NewObject("level", "error", "code", "NetConnection.Connect.Failed", "description", err.Error())
}

// ended tells the script that the connection is over.
func (l *link) ended() {
	if !l.over {
		l.finish()
	}
}

func (l *link) finish() {
	l.nc = nil
	l.status(amf.NewObject("level", "status", "code", "NetConnection.Connect.Closed", "description", ""))
	l.leave()
}

// leave has the script hear nothing more of the connection, and closes it.
func (l *link) leave() {
	if !l.over {
		l.over, l.nc = true, nil
		l.cancel()
		l.object.Release()
	}
}

// status tells onStatus, or application's if the object has none.
func (l *link) status(info amf.Value) {
	if l.over {
		return
	}
	v, err := l.w.values.In(info)
	if err != nil {
		l.w.report(err)
		return
	}
	if l.w.method(l.object, "onStatus") != nil {
		l.w.call(l.object, "onStatus", v)
		return
	}
	l.w.call(l.w.application.object, "onStatus", v)
}

func (l *link) connectedNow() bool { return l.nc != nil }
func (l *link) uri() string        { return l.url }

// place is where it leads, without a query, which may have secrets.
func (l *link) place() string {
	url, _, _ := strings.Cut(l.url, "?")
	return url
}

// close is the script's.
func (l *link) close() {
	if l.over {
		return
	}
	l.cancel()
	if l.nc == nil { // it was not connected yet
		l.leave()
	}
}

// call calls a method of the far application.
func (l *link) call(_ *engine.Object, method string, responder *engine.Object, args []amf.Value) (bool, error) {
	w := l.w
	if l.nc == nil {
		return false, nil
	}
	if responder == nil {
		return l.nc.Notify(method, args...) == nil, nil
	}
	if l.owed >= maxRemote || w.outward.requests >= maxRequests {
		return false, fmt.Errorf("NetConnection.call(%q): %d calls wait for answers, which is as many as a script may have", method, l.owed)
	}
	responder.Keep()
	l.owed++
	w.outward.requests++
	err := l.nc.Ask(method, func(values []amf.Value, err error) {
		w.post(func() {
			l.owed--
			w.outward.requests--
			w.answered(responder, method, farAnswer(method, values, err))
			responder.Release()
		})
	}, args...)
	if err != nil {
		l.owed--
		w.outward.requests--
		w.after(responder.Release)
	}
	return err == nil, nil
}

// farAnswer is what a far server has made of a call.
func farAnswer(method string, values []amf.Value, err error) Answer {
	switch {
	case err == nil && len(values) == 0:
		return Answer{Value: amf.Undefined{}}
	case err == nil:
		return Answer{Value: values[0]}
	case len(values) > 0:
		return Answer{Value: values[0], Error: true}
	}
	return Answer{Value: failure("NetConnection.Call.Failed", method, err), Error: true}
}

// farCall takes a call of the far server's, on the goroutine that reads.
func (l *link) farCall(name string, args []amf.Value, answer func(amf.Value, error)) bool {
	if l.called.Add(1) > maxCalled {
		l.called.Add(-1)
		answer(nil, errors.New("too many calls wait for the script: try again in a moment"))
		return true
	}
	return l.w.post(func() {
		l.called.Add(-1)
		answer(l.run(name, args))
	})
}

// run calls a function that the script has put on the object.
func (l *link) run(name string, args []amf.Value) (amf.Value, error) {
	w := l.w
	if l.over {
		return nil, net.ErrClosed
	}
	f := w.method(l.object, name)
	if f == nil || hidden[name] || !w.written(f) {
		return nil, &rtmp.StatusError{Code: "NetConnection.Call.Failed", Description: "Method not found (" + name + ")."}
	}
	in, err := w.values.InAll(args)
	if err != nil {
		return nil, err
	}
	v, err := f.Call(l.object.Value(), in...)
	if err != nil {
		w.report(err)
		return nil, errors.New(message(err))
	}
	return w.values.Out(v)
}
