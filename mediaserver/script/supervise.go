package script

import (
	"fmt"
	"time"
)

const (
	// soon is how short a life is after which the next one waits, twice as long each
	// time.
	soon       = 10 * time.Second
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// supervise gives the script one world after another, until Close. It waits for a
// world that does not come back no longer than its runtime takes to say so.
func (h *Host) supervise() {
	defer close(h.done)
	var backoff time.Duration
	for {
		began := time.Now()
		w, err := newWorld(h)
		if err != nil {
			h.log.Error("script: no runtime", "err", err.Error())
		} else {
			h.hand(w)
			go w.live()
			select {
			case <-w.gone:
			case <-w.rt.Dead():
			}
			w.cancel()
			err = w.why()
		}
		unsaid := h.retire(err == nil)
		if h.isEnded() {
			h.say(unsaid, "the script has ended")
			return
		}
		if err == nil { // it was reloaded, and said so; who came since then is the next one's
			h.say(unsaid, reloaded)
			backoff = 0
			continue
		}
		reason := "the script has died: " + err.Error()
		h.log.Error("script: dead", "err", err.Error())
		h.cfg.Instance.Failed(problem(err, true))
		h.cfg.Instance.Lost(reason, nil)
		h.say(unsaid, reason)
		if time.Since(began) < soon {
			backoff = min(max(2*backoff, minBackoff), maxBackoff)
		} else {
			backoff = 0
		}
		if !h.rest(backoff, reason) {
			return
		}
	}
}

const reloaded = "the script was loaded anew"

func (h *Host) hand(w *world) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = w
	if h.ended {
		w.hurry()
	}
	h.rouse()
}

// retire takes the queue from the world, and gives what it was to be told. anew: another
// world was decided on, which is to hear of the connects and viewers that wait: they came
// after that.
func (h *Host) retire(anew bool) []*event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var unsaid []*event
	if h.running != nil {
		unsaid = append(unsaid, h.running)
	}
	var stay []*event
	connects := 0
	for _, e := range h.queue {
		if anew && !h.ended && (e.kind == connecting || e.kind == asking) {
			stay = append(stay, e)
			if e.kind == connecting {
				connects++
			}
			continue
		}
		unsaid = append(unsaid, e)
	}
	h.now, h.running, h.queue, h.calls, h.joining, h.waiting, h.own = nil, nil, stay, 0, connects, 0, 0
	clear(h.clients)
	if connects == 0 {
		clear(h.connects)
	}
	return unsaid
}

// say tells those whose events a script will never hear of.
func (h *Host) say(events []*event, reason string) {
	for _, e := range events {
		if e.lost != nil {
			e.lost(reason)
		}
	}
}

// rest lets a script that died at once wait before the next: those who come meanwhile
// are told why. false: Close was called.
func (h *Host) rest(d time.Duration, reason string) bool {
	if d == 0 {
		return true
	}
	reason = fmt.Sprintf("%s; it starts again in a moment", reason)
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		e, _ := h.take(nil)
		if e != nil {
			h.say([]*event{e}, reason)
			if e.kind == reloading {
				return true
			}
			continue
		}
		if h.isEnded() {
			return false
		}
		select {
		case <-h.wake:
		case <-over.C:
			return true
		}
	}
}

func (h *Host) isEnded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}
