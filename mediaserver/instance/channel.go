package instance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// maxChannels is how many streams an instance publishes itself at once: each has
	// a goroutine, 128 KiB to read into, and two open files at most.
	maxChannels = 100
	// maxItems is how many items of a playlist wait.
	maxItems = 1000
	// channelLinger is how long a channel stays published that has come to the end of
	// its playlist: a script that hears of it may go on without a break.
	channelLinger = time.Second
	// prefetchTime is how long before the end of a recorded item the next one is opened.
	prefetchTime = 10 * time.Second
)

// channel is a stream that the server publishes itself: its playlist, and the pump
// that plays it. The owner gives orders, and the pump carries them out; media go from
// files and logs to the stream's log in the pump's goroutine.
type channel struct {
	inst   *Instance
	name   string
	told   func(script.StreamStatus)
	before <-chan struct{} // closed when the channel that had the name has ended; nil: none had

	ctx    context.Context // ends with the channel
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended

	mu      sync.Mutex // nothing else is taken while it is held
	list    []*queued
	playing context.CancelFunc // ends the item that plays; nil: none does
	waits   bool               // it waits for somebody who publishes it, and ends when there is another
	recent  *queued            // the item that plays, or the last that did
	kept    bool               // it stays published with nothing to play
	ended   bool               // it plays no more
	wake    chan struct{}      // of capacity one
}

// queued is an item of a playlist.
type queued struct {
	script.StreamItem
	opening *opening // nil: it is not opened yet
}

// client is what a channel is called among those of a server who play and publish.
func (c *channel) client() session.Client {
	return session.Client{ID: "channel " + c.inst.application + "/" + c.inst.name + "/" + c.name}
}

// endOwn ends what the server publishes and records itself. With all, that is also
// what clients publish, who end it themselves otherwise.
func (o *owner) endOwn(all bool) (channels []*channel) {
	for _, c := range o.channels {
		c.stop()
		channels = append(channels, c)
	}
	for name := range o.recorded {
		if e := o.streams[name]; all || e == nil || !e.stream.Live() || e.publication.server {
			o.stopRecording(name)
		}
	}
	return channels
}

func (o *owner) playItem(name string, it script.StreamItem, reset bool) {
	told := o.told
	fail := func(code, format string, args ...any) {
		tellOf(told, name, levelError, code, fmt.Sprintf(format, args...), it.Name)
	}
	c := o.channels[name]
	var full bool
	if c != nil {
		if reset {
			o.sayReset(told, name, it)
		}
		var taken bool
		if taken, full = c.add(it, reset); taken {
			return
		}
	}
	switch {
	case o.closing:
		fail(codePlayFailed, "%s", stopping().Reason)
	case full:
		fail(codePlayFailed, "%d items wait in the playlist of %s already", maxItems, name)
	case c == nil && len(o.channels) >= maxChannels:
		fail(codePlayFailed, "the server publishes %d streams of this instance already", maxChannels)
	default:
		if c == nil && reset {
			o.sayReset(told, name, it)
		}
		o.startChannel(name, told, it, c)
	}
}

func (o *owner) sayReset(told func(script.StreamStatus), name string, it script.StreamItem) {
	tellOf(told, name, levelStatus, codePlayReset, "Playing and resetting "+it.Name+".", it.Name)
}

// startChannel makes the channel of a name, behind the one that had it, if any.
func (o *owner) startChannel(name string, told func(script.StreamStatus), it script.StreamItem, before *channel) {
	c := &channel{
		inst: o.Instance, name: name, told: told, done: make(chan struct{}), wake: make(chan struct{}, 1),
		list: []*queued{{StreamItem: it}}, kept: o.recorded[name] != nil,
	}
	if before != nil {
		c.before = before.done
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	o.channels[name] = c
	go c.run()
}

// add puts an item behind the others or, with reset, in their place. It returns false
// when the channel has ended, or has too many.
func (c *channel) add(it script.StreamItem, reset bool) (taken, full bool) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return false, false
	}
	var dropped []*queued
	if reset {
		dropped, c.list = c.list, nil
	}
	if len(c.list) >= maxItems {
		c.mu.Unlock()
		return false, true
	}
	c.list = append(c.list, &queued{StreamItem: it})
	var end context.CancelFunc
	if reset || c.waits {
		end = c.playing
	}
	if reset {
		c.waits = false
	}
	c.mu.Unlock()
	for _, q := range dropped {
		q.drop()
	}
	if end != nil {
		end()
	}
	c.rouse()
	return true, false
}

// stop ends the channel: it publishes nothing more once it is done.
func (c *channel) stop() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.cancel()
}

// keep says whether the channel stays published when it has nothing to play.
func (c *channel) keep(kept bool) {
	c.mu.Lock()
	c.kept = kept
	c.mu.Unlock()
	c.rouse()
}

func (c *channel) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next waits for the item that is next, whose context ends when it is not wanted any
// more. It returns nil when there will be none.
func (c *channel) next() (q *queued, ctx context.Context, waited bool) {
	linger := time.NewTimer(channelLinger)
	defer linger.Stop()
	over := false
	for {
		c.mu.Lock()
		c.playing, c.waits = nil, false
		switch {
		case c.ended, len(c.list) == 0 && over && !c.kept:
			c.ended = true
			c.mu.Unlock()
			return nil, nil, waited
		case len(c.list) > 0:
			q, c.list = c.list[0], c.list[1:]
			ctx, c.playing = context.WithCancel(c.ctx)
			c.recent = q
			c.mu.Unlock()
			return q, ctx, waited
		}
		c.mu.Unlock()
		waited = true
		select {
		case <-c.wake:
		case <-linger.C:
			over = true
		case <-c.ctx.Done():
		}
	}
}

// following is the item that comes next, if it is known already.
func (c *channel) following() *queued {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		return nil
	}
	return c.list[0]
}

// awaits notes whether the item that plays waits for somebody who publishes it. It
// returns false when another item is to be played instead.
func (c *channel) awaits(is bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = is
	return !is || len(c.list) == 0
}

// empty takes all items that wait.
func (c *channel) empty() {
	c.mu.Lock()
	dropped := c.list
	c.list = nil
	c.mu.Unlock()
	for _, q := range dropped {
		q.drop()
	}
}

// over is when the channel has ended: another may have the name.
func (o *owner) channelOver(c *channel) {
	if o.channels[c.name] == c {
		delete(o.channels, c.name)
	}
	delete(o.sources, c.name)
}

// follows notes that a channel plays a live stream. It returns false when that one
// plays the channel, by way of others or at once: what they say would go round for ever.
func (o *owner) follows(c *channel, source string) bool {
	for at, ok := source, true; ok; at, ok = o.sources[at] {
		if at == c.name {
			return false
		}
	}
	o.sources[c.name] = source
	return true
}

// closeOwn ends what the server publishes and records itself, for good.
func (i *Instance) closeOwn() {
	ended := make(chan []*channel, 1)
	if !i.post(func(o *owner) {
		o.closing = true
		ended <- o.endOwn(true)
	}) {
		return
	}
	for _, c := range <-ended { // they come soon: the owner waits for nobody, and neither do channels that end
		<-c.done
	}
}

// inUse is how many names are used by others than channels, which may play what
// another plays, and those who read for the script.
func (o *owner) inUse() (n int) {
	for name, e := range o.streams {
		own := o.played[o.readers().ID].of(name)
		if p := e.publication; p != nil && p.server && !isClosed(p.finished) {
			own++
		}
		for _, c := range o.channels {
			own += o.played[c.client().ID].of(name)
		}
		if e.uses > own {
			n++
		}
	}
	return n
}
