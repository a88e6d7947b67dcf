package script

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Connect asks the script whether a client may come in, who is told so by Accept or
// Reject of the Instance. args are what it gave to connect beyond the URL.
func (h *Host) Connect(c Client, args []amf.Value) {
	no := func(reason string) { h.cfg.Instance.Reject(c.ID, Rejection{Description: reason}) }
	if why := h.enter(&event{
		run: func(w *world) { w.connect(c, args) }, lost: no, client: c.ID, kind: connecting,
	}); why != "" {
		no(why)
	}
}

// Leave says that a client has gone.
func (h *Host) Leave(id string) {
	if !h.withdraw(id) {
		h.send(&event{run: func(w *world) { w.leave(id) }})
	}
}

// Call has the script answer a client's call. One that cannot wait, since too many
// do, is answered before Call returns.
func (h *Host) Call(c Call) {
	var once sync.Once
	answer := c.Answer
	c.Answer = func(a CallAnswer) { once.Do(func() { answer(a) }) }
	lost := func(reason string) { c.Answer(CallAnswer{Failed: reason}) }
	if why := h.enter(&event{run: func(w *world) { w.clientCall(c) }, lost: lost, client: c.Client, kind: calling, bytes: c.Size}); why != "" {
		lost(why)
	}
}

// StreamInfo is a live stream that a client publishes.
type StreamInfo struct {
	Name  string // without its query
	Query string // behind the name's question mark
	Mode  string // live, record or append
}

// Publish says that a client has begun to publish a stream, and Unpublish that it has
// ended.
func (h *Host) Publish(client string, s StreamInfo) {
	h.stream(client, s, "onPublish")
}

// Unpublish says that a client publishes a stream no more.
func (h *Host) Unpublish(client string, s StreamInfo) {
	h.stream(client, s, "onUnpublish")
}

func (h *Host) stream(client string, s StreamInfo, handler string) {
	why := h.enter(&event{run: func(w *world) { w.published(client, s, handler) }, client: client, kind: publishing})
	if why != "" {
		h.log.Warn("script: not told of a stream", "handler", handler, "stream", s.Name, "client", client, "err", why)
	}
}

// Why an instance is to stop, as scripts know it.
const (
	StopIdle     = "Application.GC"
	StopShutdown = "Application.Shutdown"
)

// Stop asks the script whether the instance may be unloaded, by onAppStop. answer is
// called once, and does not wait. The script goes on, and hears of the clients that
// leave, until Close.
func (h *Host) Stop(reason string, answer func(refused bool)) {
	var once sync.Once
	say := func(refused bool) { once.Do(func() { answer(refused) }) }
	if !h.send(&event{
		run:  func(w *world) { say(w.stop(reason)) },
		lost: func(string) { say(false) },
	}) {
		say(false)
	}
}

// Reload has the script loaded anew: the clients are told and leave, and another world
// begins, which is asked about those who have come since. bad is why that cannot be, as
// Loadable says it; nil: it can. Then a script that runs goes on, and is told, and one
// that could not be loaded, or has died, is tried all the same.
func (h *Host) Reload(bad error) {
	h.send(&event{run: func(w *world) { w.reload(bad) }, kind: reloading})
}

// Close ends the script when it has heard of what came before. One that takes longer
// than its calls may is stopped.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return
	}
	h.add(&event{run: func(w *world) { w.end(nil) }})
	h.ended = true
	if h.now != nil {
		h.now.hurry()
	}
}

// hurry has a world end by itself soon, or it is ended.
func (w *world) hurry() {
	limits := w.rt.Limits()
	time.AfterFunc(limits.Time+limits.Grace, func() {
		w.cancel()
		w.rt.Stop()
	})
}
