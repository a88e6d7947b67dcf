package script

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed xmlsocket.js
var xmlSocketSource string

var xmlSocketProgram = engine.NewProgram(engine.Source{Name: "(XMLSocket)", Text: xmlSocketSource})

// defineXMLSocket makes XMLSocket known: a connection of TCP to a host that is allowed,
// on which texts end with a zero byte. connect says at once whether it was begun, and
// onConnect what has become of it; each text is onData's, which makes a document of it
// for onXML; onClose says that the other side has closed.
func defineXMLSocket(w *world) error {
	return w.announce(library{
		name: "XMLSocket", program: xmlSocketProgram,
		natives: map[string]engine.Func{"open": w.openSocket, "write": writeSocket, "close": closeSocket},
	})
}

const (
	// maxUnsent is what a socket holds that the other side has not taken, in bytes.
	maxUnsent = 1 << 20
	// writeTime is how long the other side may take nothing.
	writeTime = 30 * time.Second
	// maxBatch is how much of what a socket reads waits for the script: nothing more is
	// read meanwhile. One text may be larger.
	maxBatch = 64 << 10
)

// xmlSocket is one connection of an XMLSocket's, which has a new one for each connect.
type xmlSocket struct {
	w      *world
	object *engine.Object // kept until it is over
	by     string
	over   bool // the script's goroutine alone: it hears nothing more
	ended  func() bool

	mu     sync.Mutex
	conn   net.Conn // nil: not connected yet
	unsent []byte
	sends  bool // a goroutine writes
	closed bool
}

const socketName = "_socket"

// socketOf is the connection that an XMLSocket has, or nil.
func socketOf(o *engine.Object) (*xmlSocket, error) {
	if o == nil {
		return nil, nil
	}
	v, err := o.Get(socketName)
	if err != nil || v.Object() == nil {
		return nil, err
	}
	s, _ := v.Object().Host().(*xmlSocket)
	return s, nil
}

// openSocket is connect.
func (w *world) openSocket(c *engine.Call) (engine.Value, error) {
	o, host, port := c.Arg(0).Object(), strings.TrimSpace(c.Arg(1).Text()), c.Arg(2).Number()
	if host == "" || port < 1 || port > 65535 || port != float64(int(port)) {
		return engine.Bool(false), nil
	}
	if old, err := socketOf(o); err != nil || old != nil && !old.over {
		return engine.Bool(false), err // one at a time
	}
	if w.outward.requests >= maxRequests {
		return engine.Bool(false), nil
	}
	s := &xmlSocket{w: w, by: "XMLSocket.connect"}
	if at := w.where(); at != "" {
		s.by += " at " + at
	}
	v, err := w.hostObject(s)
	if err != nil {
		return engine.Undefined, err
	}
	if err := hide(o, socketName, v); err != nil {
		return engine.Undefined, err
	}
	s.object = o.Keep()
	w.outward.requests++
	network, ctx := w.network(), w.ctx
	s.ended = context.AfterFunc(ctx, s.close)
	go func() {
		conn, err := network.Dial(ctx, host, uint16(port))
		if err == nil {
			s.attach(conn)
		}
		w.post(func() { s.connected(conn, err) })
	}()
	return engine.Bool(true), nil
}

// connected tells the script what has become of connect.
func (s *xmlSocket) connected(conn net.Conn, err error) {
	w := s.w
	w.outward.requests--
	if s.over { // closed meanwhile
		return
	}
	if err != nil {
		s.end()
		w.report(fmt.Errorf("%s: %w", s.by, err))
		w.call(s.object, "onConnect", engine.Bool(false))
		s.object.Release()
		return
	}
	w.call(s.object, "onConnect", engine.Bool(true))
	if !s.over {
		go s.read(conn)
	}
}

// attach gives the socket its connection, which is closed at once if the socket is.
func (s *xmlSocket) attach(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.conn = conn
}

// end closes the connection, and has the script hear nothing more of it.
func (s *xmlSocket) end() {
	s.over = true
	s.ended()
	s.close()
}

func (s *xmlSocket) close() {
	s.mu.Lock()
	conn := s.conn
	s.conn, s.closed, s.unsent = nil, true, nil
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

func closeSocket(c *engine.Call) (engine.Value, error) {
	s, err := socketOf(c.Arg(0).Object())
	if s != nil && !s.over {
		s.end()
		s.object.Release()
	}
	return engine.Undefined, err
}

// writeSocket is send.
func writeSocket(c *engine.Call) (engine.Value, error) {
	s, err := socketOf(c.Arg(0).Object())
	if s == nil {
		return engine.Bool(false), err
	}
	text := strings.ReplaceAll(strings.ToValidUTF8(c.Arg(1).Text(), "\ufffd"), "\x00", "")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || len(s.unsent)+len(text) > maxUnsent {
		return engine.Bool(false), nil
	}
	s.unsent = append(append(s.unsent, text...), 0)
	if !s.sends {
		s.sends = true
		go s.write(s.conn)
	}
	return engine.Bool(true), nil
}

// write sends while there is something to send.
func (s *xmlSocket) write(conn net.Conn) {
	for {
		s.mu.Lock()
		out := s.unsent
		s.unsent = nil
		if len(out) == 0 || s.closed {
			s.sends = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		err := conn.SetWriteDeadline(time.Now().Add(writeTime))
		if err == nil {
			_, err = conn.Write(out)
		}
		if err != nil {
			conn.Close() // which its reader hears
			return
		}
	}
}

// read tells the script what comes, and waits until it was told: the other side waits
// for a script that is slow.
func (s *xmlSocket) read(conn net.Conn) {
	largest := s.w.rt.Limits().Value - 1024
	r := bufio.NewReaderSize(conn, 4096)
	for {
		texts, err := readTexts(r, largest)
		told := make(chan struct{})
		if !s.w.post(func() {
			defer close(told)
			s.tell(texts, err)
		}) || err != nil {
			conn.Close()
			return
		}
		select {
		case <-told:
		case <-s.w.ctx.Done():
		}
	}
}

// tell has the script hear of texts, and of the end.
func (s *xmlSocket) tell(texts []string, err error) {
	for _, text := range texts {
		if s.over {
			return
		}
		s.w.call(s.object, "onData", engine.String(text))
	}
	if err == nil || s.over {
		return
	}
	s.end()
	if !errors.Is(err, io.EOF) {
		s.w.report(fmt.Errorf("XMLSocket: %w", err))
	}
	s.w.call(s.object, "onClose")
	s.object.Release()
}

var errTextTooLarge = errors.New("the other side has sent a text that is too large")

// readTexts waits for a text, and reads those that have come with it.
func readTexts(r *bufio.Reader, largest int) (texts []string, err error) {
	size := 0
	for size < maxBatch && (len(texts) == 0 || hasText(r)) {
		var text []byte
		for {
			piece, err := r.ReadSlice(0)
			text = append(text, piece...)
			if len(text) > largest {
				return texts, fmt.Errorf("%w: more than %d bytes", errTextTooLarge, largest)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return texts, err
			}
		}
		texts = append(texts, decodeText(text[:len(text)-1], ""))
		size += len(text)
	}
	return texts, nil
}

// hasText says whether a whole text has come already.
func hasText(r *bufio.Reader) bool {
	b, err := r.Peek(r.Buffered())
	return err == nil && bytes.IndexByte(b, 0) >= 0
}
