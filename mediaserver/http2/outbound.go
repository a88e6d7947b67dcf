package http2

import (
	"slices"

	"flashpod.dev/flashpod/mediaserver/socket"
)

// outbound is what net/http says, on its way to the client. It belongs to the goroutine
// that writes.
type outbound struct {
	head [headerSize]byte // of the frame that comes: what is kept of it is not written yet
	have int
	now  header   // of the frame that goes by
	left int      // bytes of its payload that have not come
	open bool     // fields go on behind the frame
	has  bool     // the turn is ours
	done []uint32 // streams whose heads have gone by, and are not written
}

// Write implements net.Conn, for net/http. It waits for the client, which takes something
// within a time.
func (c *Conn) Write(b []byte) (int, error) {
	o := &c.out
	lead := slices.Clone(o.head[:o.have]) // goes before b
	from, at := 0, 0                      // what lies before from is written
	for ; at < len(b); at += o.pass(len(b) - at) {
		if o.left > 0 {
			continue
		}
		k := copy(o.head[o.have:], b[at:])
		if o.have += k; o.have < headerSize {
			break // the rest of it comes with the next
		}
		h := parseHeader(o.head[:])
		if h.kind == frameData {
			has, err := c.spend(h.size, false)
			if !has && at > 0 {
				err = c.put(lead, b[from:at])
				lead, from = nil, at
			}
			if !has && err == nil {
				_, err = c.spend(h.size, true)
			}
			if err != nil {
				return 0, err
			}
		}
		c.says(h)
		o.now, o.left, o.have = h, h.size, 0
		at += k
	}
	if o.have > 0 && at == 0 {
		return len(b), nil // a header, and no more than begun
	}
	if err := c.put(lead, b[from:at]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// pass has up to n bytes of a frame's payload go by, and returns how many.
func (o *outbound) pass(n int) int {
	n = min(n, o.left)
	if o.left -= n; o.left > 0 || o.now.kind != frameHeaders && o.now.kind != frameContinuation {
		return n
	}
	if o.open = o.now.flags&flagEndHeaders == 0; !o.open {
		o.done = append(o.done, o.now.stream)
	}
	o.now = header{}
	return n
}

// says looks at a frame that is to be written.
func (c *Conn) says(h header) {
	ends := h.kind == frameReset || h.flags&flagEndStream != 0 && (h.kind == frameData || h.kind == frameHeaders)
	if ends {
		c.end(h.stream)
	}
}

// put writes lead and b, in a turn that lasts until no frame, and no head of an answer, is
// in the midst of its bytes.
func (c *Conn) put(lead, b []byte) error {
	o := &c.out
	if !o.has {
		c.makeWay()
		if err := c.take(); err != nil {
			return err
		}
		o.has = true
	}
	err := c.writeAll(lead, b)
	if err != nil || o.left == 0 && !o.open {
		o.has = false
		c.give()
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.since += len(lead) + len(b)
	c.mu.Unlock()
	for _, id := range o.done {
		c.sent(id)
	}
	o.done = o.done[:0]
	return nil
}

// writeAll writes, and waits for the client. The turn is the caller's.
func (c *Conn) writeAll(lead, b []byte) error {
	for len(lead)+len(b) > 0 {
		n, full, err := c.sealed.Writev([][]byte{lead, b})
		if err == nil && full {
			err = c.sealed.Drain(stallTime)
		}
		if err != nil {
			return socket.Slow(err, stallTime)
		}
		k := min(n, len(lead))
		lead, b = lead[k:], b[n-k:]
	}
	return nil
}
