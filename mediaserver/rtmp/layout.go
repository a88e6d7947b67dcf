package rtmp

import (
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// Layout is a write of several messages in chunks of ChunkSize, whose payloads
// lie where they are: it makes headers, and copies no media. It is kept and
// used again for any connection; two methods never run at once.
type Layout struct {
	bufs  [][]byte
	heads []byte
	size  int
	count int // messages
}

// NewLayout makes an empty layout.
func NewLayout() *Layout { return &Layout{} }

// Reset empties the layout and lets go of the payloads.
func (l *Layout) Reset() {
	clear(l.bufs)
	l.bufs, l.heads, l.size, l.count = l.bufs[:0], l.heads[:0], 0, 0
}

// Size is what was laid out, in bytes.
func (l *Layout) Size() int { return l.size }

// Full says that a layout holds as many messages as one write takes.
func (l *Layout) Full() bool { return len(l.bufs) > socket.MaxVector-8 }

// Add appends a message whose payload is front and then payload. front is
// copied; payload is not, and stays as it is until the layout was sent.
func (l *Layout) Add(kind MessageType, streamID uint32, at media.Timestamp, front, payload []byte) {
	l.count++
	m := Message{Type: kind, StreamID: streamID, Timestamp: at}
	// What goes into the first chunk lies with its header.
	begin := len(l.heads)
	l.heads = appendHeader(l.heads, &m, len(front)+len(payload))
	l.heads = append(l.heads, front[:min(len(front), ChunkSize)]...)
	front = front[min(len(front), ChunkSize):]
	l.put(l.heads[begin:])
	room := ChunkSize - (len(l.heads) - begin - headerSize(at))
	for {
		n := min(room, len(front))
		l.put(front[:n])
		front, room = front[n:], room-n
		n = min(room, len(payload))
		l.put(payload[:n])
		payload = payload[n:]
		if len(front)+len(payload) == 0 {
			return
		}
		begin = len(l.heads)
		l.heads = appendContinuation(l.heads, &m)
		l.put(l.heads[begin:])
		room = ChunkSize
	}
}

// AddMessage is Add for a message of the caller's own.
func (l *Layout) AddMessage(m *Message) { l.Add(m.Type, m.StreamID, m.Timestamp, nil, m.Payload) }

func (l *Layout) put(b []byte) {
	if len(b) > 0 {
		l.bufs = append(l.bufs, b[:len(b):len(b)])
		l.size += len(b)
	}
}

// AppendTo appends what was laid out to dst.
func (l *Layout) AppendTo(dst []byte) []byte {
	for _, b := range l.bufs {
		dst = append(dst, b...)
	}
	return dst
}

// HasRoom says whether SendLayout would find the connection with next to
// nothing to send. If not, room is called once there is, or when the connection
// ends: from any goroutine, within whichever call of the connection made room,
// and without a lock. It may call the connection, and must not wait. Each
// call's room counts, so a caller that waits already passes nil.
func (c *Conn) HasRoom(room func()) bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || o.roomy() {
		return true
	}
	if room != nil {
		o.room = append(o.room, room)
	}
	return false
}

// tellRoom has HasRoom's callbacks called. The caller holds mu.
func (o *output) tellRoom() {
	o.due = append(o.due, o.room...)
	o.room = nil
}

// roomy says whether there is next to nothing to send. The caller holds mu.
func (o *output) roomy() bool {
	return !o.flushing && len(o.queue) < roomBelow
}

// SendLayout sends what was laid out, in the order of Send's. It goes from
// where it lies to the socket; only what the socket does not take at once is
// copied, and sent later. The peer has been sent SetChunkSize before. It fails
// as Send does.
func (c *Conn) SendLayout(l *Layout) error {
	o := &c.out
	o.mu.Lock()
	defer o.unlock()
	if o.err != nil {
		return o.err
	}
	if o.owner != nil || o.flushing || len(o.queue) > 0 || !c.direct() || c.window.limit.Load() > 0 {
		return c.enqueue(nil, l, true)
	}
	for sent := 0; sent < len(l.bufs); sent += socket.MaxVector {
		n, full, err := c.writeNow(l.bufs[sent:min(sent+socket.MaxVector, len(l.bufs))])
		if err != nil {
			c.fail(err)
			return err
		}
		if left := l.after(sent, n); left != nil || full {
			o.queue = left
			c.flushQueue()
			return nil
		}
	}
	c.finishWrite()
	return nil
}

// after returns what is left when n bytes of one write from buffer sent on were
// taken; nil when it was taken whole.
func (l *Layout) after(sent, n int) []byte {
	write := l.bufs[sent:min(sent+socket.MaxVector, len(l.bufs))]
	for i, b := range write {
		if n < len(b) {
			rest := append([]byte(nil), b[n:]...)
			for _, more := range l.bufs[sent+i+1:] {
				rest = append(rest, more...)
			}
			return rest
		}
		n -= len(b)
	}
	return nil
}
