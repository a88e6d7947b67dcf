package http2

// wait is what a stream waits for.
type wait uint8

const (
	forNothing    wait = iota
	forTurn            // another writes
	forConnection      // its window
	forWindow          // the stream's own, or the head of the answer
)

// wait notes what a stream waits for. The caller holds mu.
func (c *Conn) wait(s *Stream, what wait) {
	c.unwait(s)
	if s.gone { // meanwhile: there is nothing to wait for
		return
	}
	if s.waits, s.told = what, false; what == forWindow {
		return
	}
	c.untold++
	if s.let = !s.idle; s.let {
		c.waiting++
	}
}

// unwait is for one that waits no more. The caller holds mu.
func (c *Conn) unwait(s *Stream) {
	if s.let {
		c.waiting--
	}
	if !s.told && (s.waits == forTurn || s.waits == forConnection) {
		c.untold--
	}
	s.waits, s.let = forNothing, false
}

// wake is how a stream is told that what it waits for is there; nil: it waits for
// something else. The caller holds mu, and calls it without.
func (c *Conn) wake(s *Stream, what wait) func() {
	if s.waits != what || s.told || s.woken == nil {
		return nil
	}
	if s.told = true; what != forWindow {
		c.untold--
	}
	return s.woken
}

// wakeAll tells all streams that wait for something that it is there.
func (c *Conn) wakeAll(what wait) {
	c.mu.Lock()
	wakes := c.wakes(what)
	c.mu.Unlock()
	call(wakes)
}

// wakes is how those are told. What a client does often finds nobody to tell who has not
// written since. The caller holds mu, and calls them without.
func (c *Conn) wakes(what wait) []func() {
	if c.untold == 0 {
		return nil
	}
	var wakes []func()
	for _, s := range c.streams {
		wakes = appendWake(wakes, c.wake(s, what))
	}
	return wakes
}

func call(wakes []func()) {
	for _, wake := range wakes {
		wake()
	}
}

func appendWake(all []func(), wake func()) []func() {
	if wake == nil {
		return all
	}
	return append(all, wake)
}

// openWay lets net/http go on that has let others go first. The caller holds mu.
func (c *Conn) openWay() {
	if c.way != nil {
		close(c.way)
		c.way = nil
	}
}
