package script

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// Connect asks the script whether a client may come in, who is told so by Accept or
// Reject of the Instance. args are what it gave to connect beyond the URL.
func (h *Host) Connect(c Client, args []amf.Value) {
	h.send(&event{
		run:  func(w *world) { w.connect(c, args) },
		lost: func(reason string) { h.cfg.Instance.Reject(c.ID, Rejection{Description: reason}) },
	})
}

// Leave says that a client has gone.
func (h *Host) Leave(id string) {
	h.send(&event{run: func(w *world) { w.leave(id) }})
}

// Call has the script answer a client's call. One that cannot wait, since too many
// do, is answered before Call returns.
func (h *Host) Call(c Call) {
	var once sync.Once
	answer := c.Answer
	c.Answer = func(a CallAnswer) { once.Do(func() { answer(a) }) }
	lost := func(reason string) { c.Answer(CallAnswer{Failed: reason}) }
	e := &event{run: func(w *world) { w.clientCall(c) }, lost: lost, caller: c.Client, call: true}
	if why := h.queueCall(e); why != "" {
		lost(why)
	}
}

// maxOfOne is how many calls of one client may wait.
const maxOfOne = 1000

func (h *Host) queueCall(e *event) (refused string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ended:
		return "the script has ended"
	case h.waiting >= h.cfg.Calls, h.calls[e.caller] >= maxOfOne:
		return "too many calls wait for the script: try again in a moment"
	}
	h.waiting++
	h.calls[e.caller]++
	h.add(e)
	return ""
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
	h.send(&event{run: func(w *world) { w.published(client, s, "onPublish") }})
}

// Unpublish says that a client publishes a stream no more.
func (h *Host) Unpublish(client string, s StreamInfo) {
	h.send(&event{run: func(w *world) { w.published(client, s, "onUnpublish") }})
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
// begins.
func (h *Host) Reload() {
	h.send(&event{run: func(w *world) { w.reload() }, reload: true})
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
