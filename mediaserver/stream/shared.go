package stream

// Sharer is a Conn that makes something of what it is given, such as frames around it,
// that is the same for others that are given the same.
type Sharer interface {
	Conn
	// TryWriteShared is TryWritev of bufs that lie in a log or beside it, where nothing
	// changes any more: to whom the same memory is given, until the end of the round, the
	// same bytes are. Of bufs it keeps what lies in shared.
	TryWriteShared(bufs [][]byte, shared *Shared) (n int, err error)
}

// Shared is what connections have in common to which a loop writes in one round. The loop's
// goroutine alone uses it.
type Shared struct {
	// Made is what one connection has made for others of its kind, who use it as it is;
	// those of another kind leave it alone. nil: nobody has made anything.
	Made interface {
		// Forget is for the end of a round: nothing is kept of what was given.
		Forget()
	}
}

// forget ends a round.
func (s *Shared) forget() {
	if s.Made != nil {
		s.Made.Forget()
	}
}

// put has the connection write what is laid out, behind a part that is not media.
func (l *loop) put(a *attachedConn, lead int) (n int, err error) {
	c := &l.scratch
	if a.shares && l.inRound && lead == 0 && len(c.headers) == 0 && !c.own {
		if s, ok := a.Conn.(Sharer); ok {
			return s.TryWriteShared(c.bufs, &l.shared)
		}
	}
	return a.TryWritev(c.bufs)
}
