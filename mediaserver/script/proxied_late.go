package script

import (
	"fmt"
	"time"
)

// patience is what a far server still owes an answer to. Use and changes of slots are
// always answered: without an answer the object is given up. A message may be dropped
// by a server that does not permit it: it is only waited for no longer.
type patience struct {
	used  bool      // the far server has let the object be used
	since time.Time // the last answer came, or the first question was asked
	timed bool      // a look at the time is due
}

// awaitUse begins to wait for the answer to Use.
func (p *proxied) awaitUse() {
	p.since = time.Now()
	p.lookLater(p.so.w.host.cfg.FarTime)
}

// awaitSlot begins to wait for the answer about a slot that was counted as asked for.
func (p *proxied) awaitSlot() {
	if p.used && p.asked == 1 {
		p.since = time.Now()
	}
	p.lookLater(p.so.w.host.cfg.FarTime)
}

// awaitMessage begins to wait for a message that was noted as sent.
func (p *proxied) awaitMessage() { p.lookLater(p.so.w.host.cfg.FarTime) }

// heard notes that the far server has answered something.
func (p *proxied) heard() { p.since = time.Now() }

// lookLater has the time looked at after a while, once.
func (p *proxied) lookLater(after time.Duration) {
	if p.timed || p.to == nil {
		return
	}
	p.timed = true
	to := p.to
	time.AfterFunc(after, func() {
		p.turn(func(OpenObject) {
			if p.to == to {
				p.timed = false
				p.look()
			}
		})
	})
}

// look gives up what the far server has had its time for.
func (p *proxied) look() {
	limit := p.so.w.host.cfg.FarTime
	now := time.Now()
	lost := 0
	for len(p.sent) > 0 && now.Sub(p.sent[0].at) >= limit {
		if !p.sent[0].clear {
			lost++
		}
		p.sent = p.sent[1:]
	}
	if lost > 0 {
		p.so.failed("SharedObject.Failed", fmt.Errorf("shared object %s: %s, which keeps the object, has not sent %d messages back within %v: they may be lost", p.so.key.Name, p.url, lost, limit))
	}
	asks := !p.used || p.asked > 0
	if asks && now.Sub(p.since) >= limit {
		p.giveUp(limit)
		return
	}
	next := limit
	if asks {
		next = min(next, limit-now.Sub(p.since))
	}
	if len(p.sent) > 0 {
		next = min(next, limit-now.Sub(p.sent[0].at))
	}
	if asks || len(p.sent) > 0 {
		p.lookLater(next)
	}
}

// giveUp goes on as if the connection had ended.
func (p *proxied) giveUp(limit time.Duration) {
	asked := "whether it may be used"
	if p.used {
		asked = fmt.Sprintf("about %d slots", p.asked)
	}
	err := fmt.Errorf("shared object %s: %s, which keeps the object, was asked %s and has not answered for %v: "+
		"the object is given up as if the connection had ended, and what changes here stays here; connect the NetConnection again to begin anew",
		p.so.key.Name, p.url, asked, limit)
	p.leave()
	p.so.failed("SharedObject.Failed", err)
}
