package socket

// large is how many bytes are encrypted from where they lie: to put fewer together with
// their neighbours costs less than a record more does.
const large = 8 << 10

// cursor walks over buffers.
type cursor struct {
	bufs [][]byte
	at   int // in the first of them
}

func (c *cursor) more() bool {
	for len(c.bufs) > 0 && c.at == len(c.bufs[0]) {
		c.bufs, c.at = c.bufs[1:], 0
	}
	return len(c.bufs) > 0
}

// whole takes a piece that need not be copied, of limit bytes at most: one that is large,
// or that nothing small follows; nil: there is none.
func (c *cursor) whole(limit int) []byte {
	b := c.bufs[0][c.at:]
	if len(c.bufs) > 1 && len(c.bufs[1]) < large {
		// What would be less than a large record goes with what follows.
		if rest := len(b) % recordSize; rest < large {
			b = b[:len(b)-rest]
		}
	}
	b = b[:min(len(b), limit)]
	if c.at += len(b); len(b) == 0 {
		return nil
	}
	return b
}

// copy takes as much as fits, up to what is large.
func (c *cursor) copy(dst []byte) (n int) {
	for n < len(dst) && c.more() {
		b := c.bufs[0][c.at:]
		if n > 0 && len(b) >= large {
			break
		}
		k := copy(dst[n:], b)
		n, c.at = n+k, c.at+k
	}
	return n
}
