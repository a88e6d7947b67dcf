package socket

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

// whole takes a piece that need not be copied: of at least size bytes, or the
// last; nil: there is none. The piece is limit bytes at most, and a multiple of
// size unless it is the last.
func (c *cursor) whole(size, limit int) []byte {
	b := c.bufs[0][c.at:]
	b = b[:min(len(b), limit)]
	if last := len(c.bufs) == 1; !last {
		b = b[:len(b)/size*size]
	}
	c.at += len(b)
	if len(b) == 0 {
		return nil
	}
	return b
}

// copy takes as much as fits.
func (c *cursor) copy(dst []byte) (n int) {
	for n < len(dst) && c.more() {
		k := copy(dst[n:], c.bufs[0][c.at:])
		n, c.at = n+k, c.at+k
	}
	return n
}
