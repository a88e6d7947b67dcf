package instance

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// TakeOverRule says from whom a publisher may take a name over:
// spec.access.publish.takeOver.
type TakeOverRule string

// The rules, with the manifest's own words. The zero value is TakeOverWhenSilent.
const (
	TakeOverWhenSilent TakeOverRule = "WhenSilent"
	TakeOverAlways     TakeOverRule = "Always"
	TakeOverNever      TakeOverRule = "Never"
)

// An encoder may be back before its silence has lasted long enough: it is waited
// for that, and looked meanwhile whether the publisher speaks.
const (
	maxContention  = time.Second
	contentionLook = 100 * time.Millisecond
)

// contend decides about a publisher that asks for a name which another has: an
// encoder that has lost its network comes back on another connection, long before
// the old one is known to be dead. It returns false when the candidate was
// refused, or is dealt with later, and does not use the name.
func (o *owner) contend(e *entry, c candidate) (uses bool) {
	rules, before := o.rules.Load(), e.publication
	silence := before.silence()
	wait := rules.PublisherTimeout - silence
	switch {
	case before.closed.Load():
		// It ends at this moment, and whoever ends it closes it too, perhaps later.
		before.pub.Close()
		o.unpublished(before)
		pub, err := e.stream.Publish()
		if err != nil {
			break
		}
		o.begin(e, c, pub, nil)
		return true
	case c.server:
		return o.takeOver(e, c, "the application plays there")
	case before.server, rules.TakeOver == TakeOverNever:
	case before.client == c.ID && c.ID != "" && rules.TakeOver != TakeOverAlways:
		// Its publisher has not lost its network: it is the one who asks.
	case rules.TakeOver == TakeOverAlways:
		return o.takeOver(e, c, "spec.access.publish.takeOver is "+string(TakeOverAlways))
	case wait <= 0:
		return o.takeOver(e, c, fmt.Sprintf("it had been silent for %.1f s", silence.Seconds()))
	case wait <= maxContention && silence > 0:
		o.contendLater(before, c, min(wait, contentionLook))
		return false
	}
	c.refuse(&session.Refusal{Code: session.RefusedTaken, Reason: c.Name + " is already published"})
	return false
}

// contendLater decides again after a while, against a publisher that says nothing
// until then.
func (o *owner) contendLater(before *publication, c candidate, after time.Duration) {
	wrote, inst := before.wrote.Load(), o.Instance
	time.AfterFunc(after, func() {
		ok := inst.post(func(o *owner) {
			if e, ok := o.streams[c.Name]; ok && e.publication == before && before.wrote.Load() != wrote && !before.closed.Load() {
				c.refuse(&session.Refusal{Code: session.RefusedTaken, Reason: c.Name + " is already published"})
				return
			}
			o.publish(c)
		})
		if !ok {
			c.refuse(stopping())
		}
	})
}

// takeOver gives a candidate the name of the publisher that has it. Viewers stay,
// and are told nothing; the recording goes on where it may, and is ended here
// where it may not.
func (o *owner) takeOver(e *entry, c candidate, because string) bool {
	before := e.publication
	why := &session.Refusal{
		Code: session.RefusedTaken, Reason: fmt.Sprintf("Another publisher has taken over %s: %s", c.Name, because),
	}
	before.taken.Store(why)
	if before.closed.Swap(true) {
		return o.contend(e, c) // it has ended just now
	}
	// From here on nobody else ends it.
	o.unpublished(before)
	o.log.Info("publisher is taken over", "client", c.ID, "address", c.Address, "stream", c.Name, "because", because)
	if before.told != nil {
		before.told(why)
	}
	pub := before.pub.TakeOver(before.LastWrite())
	mode, wanted, _ := o.rules.Load().recordMode(c.Mode, c.Again)
	task := before.record
	switch {
	case task == nil:
		before.finish()
	case wanted && task.inherit(c, mode):
		before.finish()
		o.begin(e, c, pub, task)
		return true
	default:
		task.reader.EndHere()
		go func() {
			if err := task.stop(session.EndedAsked); err != nil {
				o.log.Error("recording not finished cleanly", "client", c.ID, "address", c.Address, "stream", c.Name, "err", err)
			}
			before.finish()
		}()
	}
	o.begin(e, c, pub, nil)
	return true
}
