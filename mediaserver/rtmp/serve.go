package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/yutopp/go-rtmp/message"
)

// Serve reads messages until the connection ends, and hands them to handle.
// What concerns the connection alone it answers itself. Data and command
// messages of AMF3's types come as those of AMF0's, without their selector
// byte; aggregate messages come as what they contain.
//
// A message and its payload are valid only during the call. An error of handle
// ends Serve and is returned as it is. io.EOF means that the peer closed the
// connection between two messages, net.ErrClosed or what CloseWithError was
// given that this end did. Serve does not close it.
func (c *Conn) Serve(handle func(*Message) error) error {
	in := &input{r: c.nc, raw: c.raw, gate: &c.gate, own: c.sealed != nil, before: c.beforeRead, timeout: c.readTimeout, count: func(n int) { c.received.Add(uint64(n)) }}
	defer c.gate.Leave()
	defer in.release()
	r := newChunkReader(in, &c.limits, c.cfg.MaxChunkStreams)
	defer r.memory.end()
	c.reader = r
	if nc, ok := c.nc.(interface{ WhenSilent(silent func() error) }); ok { // which a deadline would end
		nc.WhenSilent(c.readTimeout)
		defer nc.WhenSilent(nil)
	}
	var m Message
	for {
		if err := r.next(&m); err != nil {
			return c.endedBy(err)
		}
		c.pinged, c.whole = false, true
		c.heard.Add(1)
		if err := c.acknowledge(); err != nil {
			return err
		}
		c.gate.message(m.Type)
		if err := c.dispatch(r, &m, handle); err != nil {
			return err
		}
		if !c.gate.open() { // a read brings hundreds of commands
			c.gate.Enter()
		}
	}
}

// trickle is how many bytes of a message that does not end count for a sign of
// life. With less, a byte a minute would hold a connection for years.
const trickle = 1 << 10

// beforeRead keeps the pace, acknowledges what the middle of a message has brought, and sets
// the deadline of a read. Timers are not free: it moves only once a second.
func (c *Conn) beforeRead() error {
	c.restReading()
	if err := c.acknowledge(); err != nil {
		return err
	}
	if n := c.received.Load(); !c.whole && n-c.counted < trickle && !c.deadline.IsZero() {
		return nil
	}
	now := time.Now()
	if c.deadline.Sub(now) > c.cfg.ReadTimeout/2-min(time.Second, c.cfg.ReadTimeout/8) {
		return nil
	}
	return c.moveDeadline(now)
}

func (c *Conn) moveDeadline(now time.Time) error {
	if err := c.reader.overdue(now, c.cfg.ReadTimeout); err != nil {
		return err
	}
	c.counted, c.whole = c.received.Load(), false
	c.deadline = now.Add(c.cfg.ReadTimeout / 2)
	return c.nc.SetReadDeadline(c.deadline)
}

// readTimeout sends a ping after half of the time and gives up after all.
func (c *Conn) readTimeout() error {
	if c.pinged && c.received.Load()-c.counted < trickle {
		return fmt.Errorf("%w for %v", ErrSilent, c.cfg.ReadTimeout)
	}
	c.pinged = true
	if err := c.moveDeadline(time.Now()); err != nil {
		return err
	}
	return c.Ping()
}

// acknowledge tells the peer how much has come, at least every window, and
// earlier: some peers stop dead at the window's end.
func (c *Conn) acknowledge() error {
	n := c.received.Load()
	if n-c.acked < max(1, uint64(c.ackEvery/2)) {
		return nil
	}
	c.acked = n
	return c.reply(ack(n))
}

// reply answers the peer, unless it was told that nothing more comes: it may
// have more to say, and closing at once would take back what it was told.
func (c *Conn) reply(m *Message) error {
	err := c.Send(m)
	if !errors.Is(err, net.ErrClosed) {
		return err
	}
	select {
	case <-c.closed:
		return err
	default:
		return nil
	}
}

// Messages of AMF3's types begin with a byte that says how values are encoded,
// and only one is defined. Some peers leave it out: what they send begins as
// every command and every data message does, with an AMF0 string.
const (
	selectorAMF0 = 0
	markString   = 2
)

func (c *Conn) dispatch(r *chunkReader, m *Message, handle func(*Message) error) error {
	if len(m.Payload) == 0 && m.Type != TypeAudio && m.Type != TypeVideo {
		return nil // nothing said; of media it marks an end
	}
	switch m.Type {
	case TypeAudio, TypeVideo, TypeData, TypeCommand:
		return handle(m)
	case TypeSetChunkSize, TypeAbort, TypeAck, TypeWindowAckSize, TypeSetPeerBandwidth:
		return c.control(r, m)
	case TypeUserControl:
		return c.userControl(m, handle)
	case TypeDataAMF3, TypeCommandAMF3:
		if m.Payload[0] != selectorAMF0 && m.Payload[0] != markString {
			return fmt.Errorf("%w: message of type %d does not begin with format selector 0", ErrProtocol, m.Type)
		}
		m.Type += TypeData - TypeDataAMF3
		if m.Payload[0] == selectorAMF0 {
			m.Payload = m.Payload[1:]
		}
		return handle(m)
	case TypeAggregate:
		return unpack(m, func(sub *Message) error {
			if err := c.limits.allowMessage(sub.Type, len(sub.Payload)); err != nil {
				return err
			}
			return c.dispatch(r, sub, handle)
		})
	}
	return handle(m)
}

// control handles a protocol control message [SPEC §5.4].
func (c *Conn) control(r *chunkReader, m *Message) error {
	var got message.Message
	if err := message.NewDecoder(bytes.NewReader(m.Payload)).Decode(message.TypeID(m.Type), &got); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("too short")
		}
		return fmt.Errorf("%w: control message of type %d: %w", ErrProtocol, m.Type, err)
	}
	switch got := got.(type) {
	case *message.SetChunkSize:
		r.chunkSize = int(got.ChunkSize)
	case *message.AbortMessage:
		r.abort(got.ChunkStreamID)
	case *message.Ack:
		c.acknowledged(got.SequenceNumber)
	case *message.WinAckSize:
		if got.Size > 0 {
			c.ackEvery = uint32(got.Size)
		}
	case *message.SetPeerBandwidth:
		return c.peerBandwidth(uint32(got.Size), limitType(got.Limit))
	}
	return nil
}

func (c *Conn) userControl(m *Message, handle func(*Message) error) error {
	if len(m.Payload) < 2 {
		return fmt.Errorf("%w: user control message of %d bytes", ErrProtocol, len(m.Payload))
	}
	switch binary.BigEndian.Uint16(m.Payload) {
	case EventPingRequest:
		if len(m.Payload) < 6 {
			return fmt.Errorf("%w: ping of %d bytes", ErrProtocol, len(m.Payload))
		}
		return c.reply(UserControl(EventPingResponse, binary.BigEndian.Uint32(m.Payload[2:])))
	case EventPingResponse:
		if len(m.Payload) >= 6 {
			c.answeredPing(binary.BigEndian.Uint32(m.Payload[2:]))
		}
		return nil
	}
	return handle(m)
}
