package httpflv

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/http2"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// response is the answer to a request of HTTP/2 as a connection: what is written is the
// answer, and what is read, the end of the request. Where it can be, the fan-out writes it
// by its stream, and nobody else.
type response struct {
	stream  *http2.Stream // nil: there is none to be had
	ctx     context.Context
	w       http.ResponseWriter
	control *http.ResponseController
	ended   chan struct{} // closed when reads are to end
	end     func()        // closes it

	// mu guards the two below, and that the goroutine that serves the request does not
	// go while another uses w. What is told net/http under it waits for no peer.
	mu    sync.Mutex
	whole bool // all is written
	over  bool // the request is served
}

func newResponse(w http.ResponseWriter, r *http.Request) *response {
	ended := make(chan struct{})
	return &response{
		stream: http2.Take(r.Context()),
		ctx:    r.Context(), w: w, control: http.NewResponseController(w),
		ended: ended, end: sync.OnceFunc(func() { close(ended) }),
	}
}

// takeStream makes a viewer of a request whose answer shares a connection with others.
func (h *Handler) takeStream(w http.ResponseWriter, r *http.Request, _ string, counts *outlet.Viewing) (*viewer, error) {
	for { // what is around it has a time for single writes, and the fan-out its own
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = outer.Unwrap()
	}
	answer := newResponse(w, r)
	v := &viewer{conn: newConn(answer, counts.Sent, h.opts.Samples), since: time.Now()}
	if !h.enter(v) {
		return nil, errClosing
	}
	if answer.stream != nil {
		_ = answer.control.Flush() // its head; one that has gone is seen to have
	}
	v.stay = context.AfterFunc(counts.Context, func() { v.end(dismissed(counts.Context)) })
	return v, nil
}

// Read implements net.Conn: it waits for the end, and there is nothing else to read.
func (a *response) Read([]byte) (int, error) {
	select {
	case <-a.ended:
		return 0, os.ErrDeadlineExceeded
	case <-a.ctx.Done():
		return 0, io.EOF
	}
}

// Write implements net.Conn. A flusher alone writes.
func (a *response) Write(b []byte) (n int, err error) {
	if n, err = a.w.Write(b); err == nil {
		err = a.control.Flush()
	}
	return n, err
}

// CloseWrite has the answer end when the request is served.
func (a *response) CloseWrite() error {
	a.mu.Lock()
	a.whole = true
	a.mu.Unlock()
	return nil
}

// Close implements net.Conn: an answer that is not whole is torn.
func (a *response) Close() error {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.whole || a.over {
		return nil
	}
	return a.control.SetWriteDeadline(time.Unix(1, 0))
}

// leave is called when the request is served.
func (a *response) leave() {
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
}

// SetReadDeadline implements net.Conn, for one that has passed: then nothing is read any
// more.
func (a *response) SetReadDeadline(t time.Time) error {
	if !t.After(time.Now()) {
		a.end()
	}
	return nil
}

// SetWriteDeadline implements net.Conn.
func (a *response) SetWriteDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return net.ErrClosed
	}
	return a.control.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (a *response) SetDeadline(t time.Time) error {
	if err := a.SetReadDeadline(t); err != nil {
		return err
	}
	return a.SetWriteDeadline(t)
}

// LocalAddr implements net.Conn: nobody asks.
func (a *response) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn: nobody asks.
func (a *response) RemoteAddr() net.Addr { return &net.TCPAddr{} }
