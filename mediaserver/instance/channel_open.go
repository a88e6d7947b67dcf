package instance

import (
	"context"

	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// opening is an item that is being opened, or that is open and not played yet.
type opening struct{ came chan session.PlayAnswer }

// ask begins to open a stream, as a player would.
func (c *channel) ask(name string, from session.From) *opening {
	op := &opening{came: make(chan session.PlayAnswer, 1)}
	c.inst.Open(session.PlayRequest{Client: c.client(), Name: name, From: from}, func(a session.PlayAnswer) {
		if a.File != nil {
			c.inst.countOwn(a.File)
		}
		op.came <- a
	})
	return op
}

// countOwn counts a file that a channel plays: it keeps no instance in use.
func (i *Instance) countOwn(f *playback.File) {
	i.ownFiles.Add(1)
	release := f.Release
	f.Release = func() {
		release()
		i.ownFiles.Add(-1)
	}
}

// wait waits until it is open; ok is false when that is not wanted any more.
func (op *opening) wait(ctx context.Context) (a session.PlayAnswer, ok bool) {
	select {
	case a := <-op.came:
		return a, true
	case <-ctx.Done():
		op.drop()
		return a, false
	}
}

// drop gives back what nobody plays, once it is open.
func (op *opening) drop() { go func() { giveBack(<-op.came) }() }

func giveBack(a session.PlayAnswer) {
	if a.File != nil {
		a.File.Close()
	}
	if a.Release != nil {
		a.Release()
	}
}

// drop gives back what is open of an item that is not played.
func (q *queued) drop() {
	if q.opening != nil {
		q.opening.drop()
		q.opening = nil
	}
}

// prefetch opens the item that comes next, so that nobody waits for its index.
func (c *channel) prefetch() {
	q := c.following()
	if q == nil || q.opening != nil || q.Far != nil || q.From == script.LiveOnly {
		return
	}
	op := c.ask(q.Name, session.RecordedOnly)
	c.mu.Lock()
	wanted := len(c.list) > 0 && c.list[0] == q
	if wanted {
		q.opening = op
	}
	c.mu.Unlock()
	if !wanted {
		op.drop()
	}
}

// open opens an item, live or recorded as it says.
func (c *channel) open(ctx context.Context, q *queued) (a session.PlayAnswer, ok bool) {
	from := fromOf(q.From)
	if q.Name == c.name && from == session.LiveOrRecorded {
		from = session.RecordedOnly // it would play itself
	}
	if q.opening != nil {
		if from == session.RecordedOnly || !c.isLive(ctx, q.Name) {
			a, ok = q.opening.wait(ctx)
			q.opening = nil
			if !ok || a.File != nil || from == session.RecordedOnly {
				return a, ok
			}
		}
		q.drop()
	}
	return c.ask(q.Name, from).wait(ctx)
}

// fromOf is what players call it.
func fromOf(f script.StreamFrom) session.From {
	switch f {
	case script.LiveOnly:
		return session.LiveOnly
	case script.RecordedOnly:
		return session.RecordedOnly
	}
	return session.LiveOrRecorded
}

// isLive asks the owner whether somebody publishes a name.
func (c *channel) isLive(ctx context.Context, name string) bool {
	return c.asks(ctx, func(o *owner) bool { return o.live(name) })
}

// asks waits for an answer of the owner, who waits for nobody.
func (c *channel) asks(ctx context.Context, what func(*owner) bool) bool {
	answer := make(chan bool, 1)
	if !c.inst.post(func(o *owner) { answer <- what(o) }) {
		return false
	}
	select {
	case is := <-answer:
		return is
	case <-ctx.Done():
		return false
	}
}
