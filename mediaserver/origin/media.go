package origin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// feed sends a live stream to an edge until that closes the connection: publication after
// publication, each from where a player would begin.
func (o *Origin) feed(c *link.Conn, token string) error {
	g := o.hold(token)
	if g == nil {
		return errGone
	}
	defer g.fed()
	if g.live == nil {
		return errGone
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		for { // the edge says nothing but that it lives
			if _, _, err := c.ReadFrame(); err != nil {
				return
			}
		}
	}()
	for lagged := false; ctx.Err() == nil; {
		var err error
		if lagged, err = feedOne(ctx, c, g.live, lagged); err != nil {
			return err
		}
	}
	return nil
}

// maxBehind is how far behind what is published an edge may fall that has not taken all there
// was for so long: it goes on at a newer keyframe, as a player does.
const maxBehind = 5 * time.Second

// feedOne sends one publication, and what new players get first whenever that changes. It
// returns true where some of it was left out, since the edge takes too little.
func feedOne(ctx context.Context, c *link.Conn, s *stream.Stream, lagged bool) (left bool, err error) {
	cuts := c.Version() >= link.Viewings
	r := s.NewRelay(cuts && !lagged) // who has lagged has what lies before, or some of it
	defer r.Close()
	state, stored := link.StateBody{Live: s.Live(), Ready: r.Caught(), Lagged: lagged}, 0
	ready := state.Ready
	current := time.Now() // when the edge was last sent all there was
	for {
		if all, now := s.StoredSince(stored); now != stored {
			stored, state.Stored = now, link.FromStored(all)
			state.Changed = true
		}
		if state.Changed || state.Live || state.Ready || state.Lagged {
			if err := c.WriteValue(link.KindState, state); err != nil {
				return false, err
			}
			state = link.StateBody{}
		}
		m, err := r.Next(ctx)
		switch {
		case errors.Is(err, io.EOF) && s.Lost():
			return false, stream.ErrLost // as it is for the edge, which asks again
		case errors.Is(err, io.EOF):
			return false, c.WriteValue(link.KindEnd, link.ReasonBody{})
		case errors.Is(err, stream.ErrLagged):
			return true, nil // the edge goes on with the newest keyframe
		case err != nil:
			return false, err
		case m.Type == 0:
			state.Live, state.Lagged = r.Began(), r.Skipped()
			continue
		case time.Since(current) >= maxBehind && r.Late(maxBehind):
			return true, c.Flush()
		}
		marks := link.Marks{TookOver: r.TookOver()}
		if cut, ok := r.Cut(); ok && cuts {
			marks.Cut = cut.Made()
		}
		if err := c.WriteFrame(link.KindMessage, link.MessageHead(&m, marks), m.Payload); err != nil {
			return false, err
		}
		if !ready && r.Caught() {
			ready, state.Ready = true, true
		}
		if !r.Pending() {
			if err := c.Flush(); err != nil {
				return false, err
			}
			current = time.Now()
		}
	}
}

// publish writes what an edge's client publishes, and ends the publication as the edge
// says, or as one that is lost. The edge is answered when it has ended.
func (o *Origin) publish(c *link.Conn, token string) error {
	g := o.find(token)
	if g == nil || g.publication == nil {
		return errGone
	}
	var written atomic.Uint64
	c.SayTaken(func() uint64 { // its edge waits for its end as long as more comes, here or further up
		n := written.Load()
		if goes, ok := g.publication.(session.Travels); ok {
			n += goes.Arrived()
		}
		return n
	})
	how, taken, err := o.written(c, g.publication, &written)
	if !o.ends(g) {
		return err // its client has gone
	}
	g.to.drop(g)
	ended := make(chan error, 1)
	g.publication.Close(how, func(err error) { ended <- err })
	g.to.unpublished(g.name)
	if err != nil {
		return err
	}
	said := link.EndBody{Taken: link.FromRefusal(taken)}
	if err := <-ended; err != nil {
		said.Reason = err.Error()
	}
	return c.WriteValue(link.KindEnd, said)
}

// written writes until the publication is to end, or another publisher has taken it over,
// and counts the messages.
func (o *Origin) written(c *link.Conn, p session.Publication, messages *atomic.Uint64) (how session.Ending, taken *session.Refusal, err error) {
	for {
		kind, b, err := c.ReadFrame()
		if err != nil {
			return session.EndedLost, nil, err
		}
		switch kind {
		case link.KindMessage:
			m, _, err := link.ParseMessage(b)
			if err != nil {
				return session.EndedLost, nil, err
			}
			if err := p.Write(&m); err != nil {
				_ = errors.As(err, &taken)
				return session.EndedLost, taken, nil
			}
			messages.Add(1)
		case link.KindClear:
			said := link.ClearedBody{Cleared: p.Clear(string(b))}
			if err := c.WriteValue(link.KindClear, said); err != nil {
				return session.EndedLost, nil, err
			}
		case link.KindEnd:
			if string(b) == link.EndAsked {
				return session.EndedAsked, nil, nil
			}
			return session.EndedLost, nil, nil
		default:
			return session.EndedLost, nil, fmt.Errorf("%w: %q while a stream is published", link.ErrFrame, kind)
		}
	}
}

// maxPiece is how much of a file is sent at once.
const maxPiece = 1 << 20

// read sends pieces of a file as they are asked for: 64 bits of where, 32 of how many bytes.
// What is sent is shorter at the file's end, and empty where it cannot be read. The file
// stays open as long as the connection: it is read for others, too, than who was given it.
func (o *Origin) read(c *link.Conn, token string) error {
	g := o.hold(token)
	if g == nil {
		return errGone
	}
	defer g.fed()
	if g.file == nil {
		return errGone
	}
	const askSize = 12
	buf := make([]byte, 0, 64<<10)
	for {
		kind, b, err := c.ReadFrame()
		if err != nil {
			return err
		}
		if kind == link.KindIndex {
			if err := o.index(c, string(b)); err != nil {
				return err
			}
			continue
		}
		if kind != link.KindAsk || len(b) != askSize {
			return fmt.Errorf("%w: %q for a place of a file", link.ErrFrame, kind)
		}
		at, size := int64(binary.BigEndian.Uint64(b)), int(binary.BigEndian.Uint32(b[8:]))
		if at < 0 || size > maxPiece {
			return fmt.Errorf("%w: %d bytes at %d", link.ErrFrame, size, at)
		}
		if cap(buf) < size {
			buf = make([]byte, 0, size)
		}
		n, _ := g.file.readAt(buf[:size], at) // what is not there is not sent
		if err := c.WriteFrame(link.KindPiece, buf[:n]); err != nil {
			return err
		}
		if err := c.Flush(); err != nil {
			return err
		}
	}
}

// index sends what is known of a file.
func (o *Origin) index(c *link.Conn, token string) error {
	var said []byte
	if g := o.hold(token); g != nil {
		if g.file != nil {
			said = g.file.index()
		}
		g.fed()
	}
	if err := c.WriteFrame(link.KindIndex, said); err != nil {
		return err
	}
	return c.Flush()
}
