package httpflv

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/socket"
)

const (
	// endTime is how long a viewer may take for what is left when its stream ends, and
	// lingerTime how long it may stay then: a socket that is closed while its peer
	// still says something loses what the peer has not read.
	endTime    = 5 * time.Second
	lingerTime = 2 * time.Second
	// maxHeard is how much a viewer by HTTP may say behind its request, which is
	// nothing; maxSaid and maxSaidEach are how much one in a WebSocket may, and how
	// much more each second, in bytes.
	maxHeard    = 4 << 10
	maxSaid     = 64 << 10
	maxSaidEach = 1 << 10
)

// viewer is somebody who is sent a stream on a socket that is the handler's.
type viewer struct {
	conn   *conn
	socket bool // in a WebSocket
	since  time.Time
	early  []byte      // what it has said before its socket was taken
	heard  int         // bytes
	words  frames      // in a WebSocket
	stay   func() bool // is told no more that it is to go
	buf    [256]byte

	mu    sync.Mutex  // nothing else is taken while it is held
	ended *closeError // why, once nothing more is to come
}

// end has the viewer's goroutine come to its end. The first reason counts. It does not
// wait.
func (v *viewer) end(why *closeError) {
	v.mu.Lock()
	first := v.ended == nil
	if first {
		v.ended = why
	}
	v.mu.Unlock()
	if first {
		_ = v.conn.nc.SetReadDeadline(time.Unix(1, 0)) // one that cannot be set is closed already
	}
}

// why is why nothing more is to come; nil: it is.
func (v *viewer) why() *closeError {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ended
}

// errGone says that the viewer has gone, or was cut off.
var errGone = errors.New("the viewer has gone")

// slow says whether the viewer was cut off since it took nothing.
func (v *viewer) slow() bool {
	v.conn.mu.Lock()
	defer v.conn.mu.Unlock()
	return errors.Is(v.conn.cause, socket.ErrSlow)
}

// read hears what the viewer says until it goes, or nothing more is to come: then it
// returns what is to be said of it, or errGone.
func (v *viewer) read() error {
	if err := v.take(v.early); err != nil {
		return err
	}
	v.early = nil
	for {
		n, err := v.conn.nc.Read(v.buf[:])
		if why := v.why(); why != nil {
			return why
		}
		if err != nil {
			return errGone
		}
		if err := v.take(v.buf[:n]); err != nil {
			return err
		}
	}
}

// take takes what the viewer says.
func (v *viewer) take(b []byte) error {
	v.heard += len(b)
	if !v.socket {
		if v.heard > maxHeard {
			return errGone
		}
		return nil
	}
	if v.heard > maxSaid+int(time.Since(v.since).Seconds()*maxSaidEach) {
		return &closeError{closePolicy, "a viewer has nothing to say"}
	}
	return v.words.feed(b, func(op byte, payload []byte) error {
		switch op {
		case opClose:
			return answerClose(payload)
		case opPing:
			v.conn.sayPong(payload)
		}
		return nil
	})
}

// finish ends the answer behind what is left of it, and closes the socket. No loop has
// it any more.
func (v *viewer) finish(why error) {
	v.stay()
	defer func() { _ = v.conn.CloseWithError(why) }() // nobody is left to tell
	var last []byte
	var said *closeError
	if !errors.As(why, &said) {
		return
	}
	if v.socket {
		last = said.append(nil)
	}
	if v.conn.end(last, endTime) != nil {
		return
	}
	v.linger()
}

// linger lets the viewer read what it was sent.
func (v *viewer) linger() {
	if v.conn.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, readerOnly{v.conn.nc}, maxHeard)
	}
}

// readerOnly keeps io.Copy from other ways to read than into its own buffer.
type readerOnly struct{ nc net.Conn }

// Read implements io.Reader.
func (r readerOnly) Read(b []byte) (int, error) { return r.nc.Read(b) }
