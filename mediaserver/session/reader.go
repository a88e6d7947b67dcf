package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// errTooMuch ends the connection of a client that goes on and on before it was
// let in.
var errTooMuch = errors.New("too much was sent before connect was answered")

// reader hands a connection's messages to the session's turns. It belongs to
// the goroutine of Serve, which goes on reading whatever a turn waits for, so
// that a client that has gone is noticed. Media of a publication goes past the
// turns, straight to the stream, as long as nothing waits for its turn.
type reader struct {
	s           *Session
	unconnected *time.Timer // ends a connection that sends no connect; nil: it has
	came        atomic.Bool // connect has
	asked       bool        // the same, for the goroutine of Serve
	publishes   bool        // and a publish
}

// connects ends the wait for connect, and forgets the timer, which would stay as long as
// the client does.
func (r *reader) connects() {
	r.came.Store(true)
	if r.unconnected != nil {
		r.unconnected.Stop()
		r.unconnected = nil
	}
}

// maxLate is how often a client is waited for whose connect may be among what waits for
// its turn.
const maxLate = 4

// late ends a connection from which no connect has come for long. A client that has sent
// something which nobody has looked at yet is not to blame: the server is busy. It is waited
// for a few times more, and told why when that is in vain.
func (r *reader) late(log *slog.Logger, times int) {
	s := r.s
	switch {
	case r.came.Load() || s.closed():
	case s.conn.Waits():
		log.Warn("closed: no connect command came", "within", time.Duration(times)*s.cfg.ConnectTimeout)
		_ = s.conn.CloseWithError(&rtmp.Farewell{Why: rtmp.ErrSilent, Words: "no connect came"})
	case times < maxLate:
		time.AfterFunc(s.cfg.ConnectTimeout, func() { r.late(log, times+1) })
	default:
		if s.leaving.Swap(true) {
			return
		}
		const why = "The server is too busy: try again."
		log.Warn("connect refused", "code", "NetConnection.Connect.Failed", "reason", why)
		s.cfg.Refused("the server was too busy")
		// A client counts its commands from connect on.
		info := amf.NewObject("level", "error", "code", "NetConnection.Connect.Failed", "description", why)
		_ = s.conn.SendCommand(0, "_error", 1, nil, info)
		_ = s.conn.SendCommand(0, "close", 0, nil)
		s.conn.Farewell(&rtmp.Farewell{Why: rtmp.ErrFull, Words: why})
		s.hangUp(lingerFor)
	}
}

// handle takes one message. An error ends the connection.
func (r *reader) handle(m *rtmp.Message) error {
	s := r.s
	if s.leaving.Load() {
		return nil // what was on its way to us when the client was told to go
	}
	switch m.Type {
	case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData:
		return r.media(m)
	case rtmp.TypeCommand:
		cmd, err := s.parse(m)
		if err != nil {
			return err
		}
		if cmd.Name == "connect" {
			r.asked = true
			r.connects()
		}
		r.publishes = r.publishes || cmd.Name == "publish"
		if !r.asked {
			return fmt.Errorf("command %s before connect", Printable(cmd.Name))
		}
		return r.turn(cmd.Size, func() error { return s.command(cmd) })
	case rtmp.TypeUserControl:
		return r.userControl(m)
	case rtmp.TypeSharedObject, rtmp.TypeSharedObjectAMF3:
		return r.sharedObject(m)
	default:
		// What is unknown: skipped, as FMS does.
		s.cfg.Log.Debug("message skipped", "client", s.client.ID, "type", int(m.Type), "bytes", len(m.Payload))
		return nil
	}
}

// turn has a message handled when its turn comes. It waits while too many wait
// already, and fails instead where the client may not say so much yet.
func (r *reader) turn(bytes int, f func() error) error {
	s := r.s
	run := func() {
		if s.leaving.Load() || s.ctx.Err() != nil {
			return
		}
		if err := f(); err != nil && !s.leaving.Load() {
			_ = s.conn.CloseWithError(err) // Serve returns it
		}
	}
	for {
		full, err := s.turns.offer(bytes, run)
		if full == nil {
			return err
		}
		if s.largest.Load() == 0 { // it was not let in
			return errTooMuch
		}
		had := s.reading.End() // others go on meanwhile
		select {
		case <-full:
		case <-s.conn.Closed():
			return nil // the next read says why
		}
		if had {
			s.reading.Begin(s.conn.Closed())
		}
	}
}

// userControl takes what the connection itself leaves to its user.
func (r *reader) userControl(m *rtmp.Message) error {
	if len(m.Payload) < 10 || binary.BigEndian.Uint16(m.Payload) != rtmp.EventSetBufferLength || !r.asked {
		return nil
	}
	id, ms := binary.BigEndian.Uint32(m.Payload[2:]), binary.BigEndian.Uint32(m.Payload[6:])
	return r.turn(len(m.Payload), func() error {
		if ns := r.s.netStream(id); ns != nil { // it comes before play
			ns.setBuffer(ms)
		}
		return nil
	})
}

func (r *reader) media(m *rtmp.Message) error {
	s := r.s
	if !r.publishes && !s.connected.Load() {
		return nil // it belongs to nothing
	}
	clears := m.Type == rtmp.TypeData && isClear(m.Payload)
	if !clears && s.turns.settled() {
		s.publish(m)
		return nil
	}
	// It goes behind the command that it may belong to.
	own := *m
	own.Payload = append([]byte(nil), m.Payload...)
	return r.turn(len(own.Payload), func() error {
		if clears {
			return s.clearData(&own)
		}
		s.publish(&own)
		return nil
	})
}

// publish writes a message to the publication of its NetStream. Where there is
// none, an encoder sends on while a refusal travels to it.
func (s *Session) publish(m *rtmp.Message) {
	p := s.publicationOf(m.StreamID)
	if p == nil {
		return
	}
	if err := p.Write(m); err != nil {
		p.lostName(err)
	}
}

// publicationOf is what a NetStream publishes, nil for nothing.
func (s *Session) publicationOf(id uint32) *publishing {
	if all := s.publishing.Load(); all != nil {
		return (*all)[id]
	}
	return nil
}

// isClear says whether a data message is @clearDataFrame.
func isClear(payload []byte) bool {
	const marked, bare = "\x02\x00\x0f@clearDataFrame", "\x02\x00\x0eclearDataFrame" // AMF0 strings
	return bytes.HasPrefix(payload, []byte(marked)) || bytes.HasPrefix(payload, []byte(bare))
}
