package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
	"weak"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything here may take before it counts as stuck, on a machine that is busy.
const patience = 2 * time.Minute

// client is the far end of a connection that plays. What it is sent comes out
// of got, copied.
type client struct {
	conn *rtmp.Conn // the server's end
	got  chan rtmp.Message
	near *net.TCPConn // below conn
}

// sockets are the two ends of a connection.
func sockets(t testing.TB) (near *net.TCPConn, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			nc = nil
		}
		accepted <- nc
	}()
	far, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	one := <-accepted
	if one == nil {
		t.Fatal("accept failed")
	}
	return one.(*net.TCPConn), far
}

// dial makes a real TCP connection with both ends of the RTMP handshake done
// and the greeting's chunk size set.
func dial(t testing.TB) *client {
	t.Helper()
	near, far := sockets(t)
	c := &client{conn: rtmp.NewServerConn(near, rtmp.Config{}), got: make(chan rtmp.Message, 64), near: near}
	shaken := make(chan error, 1)
	go func() { shaken <- c.conn.Handshake() }()
	player := rtmp.NewClientConn(far, rtmp.Config{})
	if err := player.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	if err := c.conn.Send(rtmp.SetChunkSize(rtmp.ChunkSize)); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{}, 2)
	go func() {
		defer func() { close(c.got); served <- struct{}{} }()
		_ = player.Serve(func(m *rtmp.Message) error {
			m2 := *m
			m2.Payload = bytes.Clone(m.Payload)
			c.got <- m2
			return nil
		})
	}()
	go func() {
		_ = c.conn.Serve(func(*rtmp.Message) error { return nil })
		served <- struct{}{}
	}()
	t.Cleanup(func() {
		c.conn.Close()
		player.Close()
		go func() {
			for range c.got {
			}
		}()
		<-served
		<-served
	})
	return c
}

// next returns the next message that is media or data; notices of the server
// are returned as their code.
func (c *client) next(t testing.TB) string {
	t.Helper()
	select {
	case m, ok := <-c.got:
		if !ok {
			t.Fatal("connection ended")
		}
		return describe(m)
	case <-time.After(patience):
		t.Fatal("nothing came")
		return ""
	}
}

func (c *client) expect(t testing.TB, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := c.next(t); got != w {
			t.Fatalf("message %d: got %s, want %s", i, got, w)
		}
	}
}

func describe(m rtmp.Message) string {
	switch m.Type {
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(&m)
		if err != nil {
			return err.Error()
		}
		type getter interface{ Get(string) (any, bool) }
		if len(cmd.Args) > 0 {
			if o, ok := cmd.Args[0].(getter); ok {
				code, _ := o.Get("code")
				return fmt.Sprintf("%v@%d", code, m.StreamID)
			}
		}
		return cmd.Name
	case rtmp.TypeVideo:
		return fmt.Sprintf("video %x@%d at %d", m.Payload[:min(len(m.Payload), 3)], m.StreamID, m.Timestamp)
	case rtmp.TypeAudio:
		return fmt.Sprintf("audio %x@%d at %d", m.Payload[:min(len(m.Payload), 3)], m.StreamID, m.Timestamp)
	}
	return fmt.Sprintf("type %d@%d at %d", m.Type, m.StreamID, m.Timestamp)
}

var (
	videoHeader = []byte{0x17, 0, 0, 0, 0, 1}
	audioHeader = []byte{0xaf, 0, 0x12, 0x10}
	metadata    = []byte("\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05")
)

func key(n byte) []byte   { return []byte{0x17, 1, n, 0, 0, 9} }
func inter(n byte) []byte { return []byte{0x27, 1, n, 0, 0, 9} }
func sound(n byte) []byte { return []byte{0xaf, 1, n} }

func write(t testing.TB, p *Publisher, kind rtmp.MessageType, at media.Timestamp, payload []byte) {
	t.Helper()
	if err := p.Write(&rtmp.Message{Type: kind, StreamID: 1, Timestamp: at, Payload: payload}); err != nil {
		t.Fatal(err)
	}
}

func newFanout(t testing.TB) *Fanout {
	f := NewFanout(2)
	t.Cleanup(f.Close)
	return f
}

func TestPlayerThatJoinsLateStartsAtTheNewestKeyframe(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, rtmp.TypeData, 0, metadata)
	write(t, p, rtmp.TypeVideo, 0, videoHeader)
	write(t, p, rtmp.TypeAudio, 0, audioHeader)
	write(t, p, rtmp.TypeVideo, 0, key(1))
	write(t, p, rtmp.TypeVideo, 40, inter(2))
	write(t, p, rtmp.TypeVideo, 80, key(3))
	write(t, p, rtmp.TypeAudio, 90, sound(4))

	for _, id := range []uint32{1, 7} {
		t.Run(fmt.Sprintf("stream id %d", id), func(t *testing.T) {
			c := dial(t)
			player := s.Play(c.conn, id)
			defer player.Close()
			c.expect(t,
				fmt.Sprintf("type 18@%d at 0", id),
				fmt.Sprintf("video 170000@%d at 80", id),
				fmt.Sprintf("audio af0012@%d at 80", id),
				fmt.Sprintf("video 170103@%d at 80", id),
				fmt.Sprintf("audio af0104@%d at 90", id))
		})
	}
}

func TestPlayerWithoutGOPCacheWaitsForTheNextKeyframe(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, videoHeader)
	write(t, p, rtmp.TypeVideo, 0, key(1))
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	write(t, p, rtmp.TypeVideo, 40, inter(2))
	write(t, p, rtmp.TypeVideo, 80, key(3))
	write(t, p, rtmp.TypeVideo, 120, inter(4))
	c.expect(t, "video 170000@1 at 0", "video 170103@1 at 80", "video 270104@1 at 120")
}

func TestPlayersStayWhenThePublisherLeavesAndComesBack(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	c := dial(t)
	player := s.Play(c.conn, 1) // before anybody publishes
	defer player.Close()
	p, _ := s.Publish()
	if _, err := s.Publish(); !errors.Is(err, ErrBusy) {
		t.Fatalf("second publisher: %v, want ErrBusy", err)
	}
	write(t, p, rtmp.TypeVideo, 1000, key(1))
	p.Close()
	c.expect(t, "NetStream.Play.PublishNotify@1", "video 170101@1 at 1000", "NetStream.Play.UnpublishNotify@1")
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeAudio}); !errors.Is(err, ErrClosed) {
		t.Fatalf("write after close: %v, want ErrClosed", err)
	}

	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, rtmp.TypeVideo, 5, key(2)) // its clock starts anew
	c.expect(t, "NetStream.Play.PublishNotify@1")
	m := <-c.got
	if m.Timestamp < 1000 || m.Timestamp > 60000 {
		t.Errorf("timestamp after the publisher's return: %d, want it to go on from 1000", m.Timestamp)
	}
	if s.Players() != 1 || !s.Live() {
		t.Errorf("players %d, live %v", s.Players(), s.Live())
	}
}

func TestPausedPlayerGoesOnAtAKeyframe(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, key(1))
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	c.expect(t, "video 170101@1 at 0")
	player.Pause(true)
	write(t, p, rtmp.TypeVideo, 40, inter(2))
	player.Pause(false)
	write(t, p, rtmp.TypeVideo, 80, inter(3))
	write(t, p, rtmp.TypeVideo, 120, key(4))
	c.expect(t, "video 170104@1 at 120")
}

func TestReceiveLeavesOutWhatIsNotWanted(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeVideo, 0, key(1))
	c := dial(t)
	player := s.Play(c.conn, 2)
	defer player.Close()
	c.expect(t, "video 170101@2 at 0")
	player.Receive(true, false)
	write(t, p, rtmp.TypeVideo, 40, inter(2))
	write(t, p, rtmp.TypeAudio, 45, sound(3))
	write(t, p, rtmp.TypeVideo, 60, videoHeader)
	c.expect(t, "audio af0103@2 at 45", "video 170000@2 at 60")
	player.Receive(true, true)
	write(t, p, rtmp.TypeVideo, 80, inter(4))
	write(t, p, rtmp.TypeVideo, 120, key(5))
	c.expect(t, "video 170105@2 at 120")
}

func TestSeveralStreamsOnOneConnection(t *testing.T) {
	f := newFanout(t)
	a, b := New("a", f, Options{}), New("b", f, Options{})
	pa, _ := a.Publish()
	pb, _ := b.Publish()
	c := dial(t)
	one, two := a.Play(c.conn, 1), b.Play(c.conn, 2)
	write(t, pa, rtmp.TypeAudio, 1, sound(1))
	c.expect(t, "audio af0101@1 at 1")
	write(t, pb, rtmp.TypeAudio, 2, sound(2))
	c.expect(t, "audio af0102@2 at 2")
	one.Close()
	one.Close() // does not take the socket from the other
	write(t, pa, rtmp.TypeAudio, 3, sound(3))
	write(t, pb, rtmp.TypeAudio, 4, sound(4))
	c.expect(t, "audio af0104@2 at 4")
	two.Close()
	// The socket is the connection's own again.
	if err := c.conn.Send(rtmp.Status(1, "status", "x", "")); err != nil {
		t.Fatal(err)
	}
	c.expect(t, "x@1")
}

// A socket that takes a few bytes at a time must still get whole messages, and
// what the session says must not land inside of one.
func TestSlowPlayerGetsWholeMessages(t *testing.T) {
	t.Parallel()
	for _, id := range []uint32{1, 3} {
		t.Run(fmt.Sprintf("stream id %d", id), func(t *testing.T) {
			s := New("a", newFanout(t), Options{GOPCache: true})
			p, _ := s.Publish()
			c := dial(t)
			_ = c.near.SetWriteBuffer(4 << 10) // takes messages in pieces
			player := s.Play(c.conn, id)
			defer player.Close()
			const count = 100
			go func() {
				for i := range count {
					big := make([]byte, 9000+i*17)
					big[0], big[1] = 0xaf, 1
					binary.BigEndian.PutUint32(big[2:], uint32(i))
					for j := 6; j < len(big); j++ {
						big[j] = byte(i)
					}
					if p.Write(&rtmp.Message{Type: rtmp.TypeAudio, Timestamp: media.Timestamp(i), Payload: big}) != nil {
						return
					}
					if i%10 == 0 {
						_ = c.conn.Send(rtmp.Status(id, "status", "between", ""))
					}
				}
			}()
			said := 0
			for i := 0; i < count; {
				m, ok := <-c.got
				if !ok {
					t.Fatal("connection ended")
				}
				if m.Type == rtmp.TypeCommand {
					if describe(m) == fmt.Sprintf("between@%d", id) {
						said++
					}
					continue
				}
				if m.StreamID != id || int(binary.BigEndian.Uint32(m.Payload[2:])) != i || len(m.Payload) != 9000+i*17 {
					t.Fatalf("message %d: stream id %d, number %d, %d bytes", i, m.StreamID, binary.BigEndian.Uint32(m.Payload[2:]), len(m.Payload))
				}
				for _, b := range m.Payload[6:] {
					if b != byte(i) {
						t.Fatalf("message %d is torn", i)
					}
				}
				i++
			}
			if said == 0 {
				t.Error("nothing of what the session said arrived")
			}
		})
	}
}

func TestPlayerThatFallsBehindJumpsToAKeyframe(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	// Nobody takes messages from c.got beyond its capacity, so the far end
	// stops reading; what is published then is far more than sockets hold.
	frame := make([]byte, 256<<10)
	for i := range 120 {
		copy(frame, key(byte(i)))
		write(t, p, rtmp.TypeVideo, media.Timestamp(i*1000), frame)
		if i == 0 {
			for m := range c.got {
				if m.Type == rtmp.TypeVideo {
					break
				}
			}
		}
	}
	seen, told, last := 0, false, false
	late := time.After(patience)
	for !last || !told && seen < 119 {
		select {
		case m := <-c.got:
			told = told || m.Type == rtmp.TypeCommand && describe(m) == "NetStream.Play.InsufficientBW@1"
			if m.Type == rtmp.TypeVideo {
				seen++
				last = m.Timestamp == 119000
			}
		case <-late:
			t.Fatalf("%d of 120 frames came, the last of them %v, and the player was told %v", seen, last, told)
		}
	}
}

func TestReaderReadsOnePublication(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	r := s.NewReader()
	defer r.Close()
	ctx := context.Background()
	write(t, p, rtmp.TypeVideo, 5, videoHeader)
	long := bytes.Repeat([]byte{0x17, 1, 2, 3}, rtmp.ChunkSize) // four chunks
	write(t, p, rtmp.TypeVideo, 0xfffffff0, long)
	p.Close()
	for _, want := range []rtmp.Message{
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 5, Payload: videoHeader},
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 0xfffffff0, Payload: long},
	} {
		m, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != want.Type || m.Timestamp != want.Timestamp || !bytes.Equal(m.Payload, want.Payload) {
			t.Fatalf("got type %d at %d, %d bytes; want %d bytes at %d", m.Type, m.Timestamp, len(m.Payload), len(want.Payload), want.Timestamp)
		}
	}
	if _, err := r.Next(ctx); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v, want io.EOF", err)
	}
}

func TestReaderThatJoinsLateStartsLikeAPlayer(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeData, 0, metadata)
	write(t, p, rtmp.TypeVideo, 0, videoHeader)
	write(t, p, rtmp.TypeVideo, 0, key(1))
	write(t, p, rtmp.TypeVideo, 40, key(2))
	r := s.NewReader()
	defer r.Close()
	for _, want := range []string{"type 18@1 at 0", "video 170000@1 at 40", "video 170102@1 at 40"} {
		m, err := r.Next(context.Background())
		if err != nil || describe(m) != want {
			t.Fatalf("got %s, %v; want %s", describe(m), err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

func TestReaderLags(t *testing.T) {
	s := New("a", newFanout(t), Options{})
	p, _ := s.Publish()
	r := s.NewReader()
	defer r.Close()
	frame := append(sound(1), make([]byte, 1<<20)...)
	for i := range 70 {
		write(t, p, rtmp.TypeAudio, media.Timestamp(i), frame)
	}
	if _, err := r.Next(context.Background()); !errors.Is(err, ErrLagged) {
		t.Fatalf("70 MiB behind: %v, want ErrLagged", err)
	}
}

func TestClearDataFrameForgets(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	write(t, p, rtmp.TypeData, 0, metadata)
	write(t, p, rtmp.TypeData, 0, []byte("\x02\x00\x0f@clearDataFrame\x02\x00\x0aonMetaData"))
	write(t, p, rtmp.TypeData, 0, []byte{0x42}) // no AMF: dropped
	write(t, p, rtmp.TypeVideo, 9, key(1))
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	c.expect(t, "video 170101@1 at 9")
}

// A client may wait for 256 names that nobody publishes, and there are many
// clients.
func TestStreamThatNobodyPublishesTakesLittle(t *testing.T) {
	f := newFanout(t)
	far := dial(t)
	const count = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range count {
		s := New("never", f, Options{})
		s.Play(far.conn, 1).Close()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / count; each > 8<<10 {
		t.Errorf("%d bytes each", each)
	}
}

// A player that is in the middle of a message for long keeps no more of the
// stream than one that is between two.
func TestPlayerInTheMiddleOfAMessageHoldsLittle(t *testing.T) {
	s := New("a", newFanout(t), Options{GOPCache: true})
	p, _ := s.Publish()
	c := dial(t)
	player := s.Play(c.conn, 1)
	defer player.Close()
	// As above, the far end stops reading; but now before it is sent much.
	write(t, p, rtmp.TypeVideo, 0, key(0))
	for range 2 * cap(c.got) {
		write(t, p, rtmp.TypeVideo, 0, inter(0))
	}
	frame := make([]byte, 1<<20)
	more := func(frames int) (behind int64, rest int) {
		for i := range frames {
			copy(frame, key(byte(i)))
			write(t, p, rtmp.TypeVideo, 0, frame)
		}
		player.conn.loop.do(func() { behind, rest = s.log.end.Load()-player.offset(), len(player.conn.rest) })
		return behind, rest
	}
	for _, rest := more(1); rest == 0; _, rest = more(1) {
	}
	more(120)
	late := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		behind, rest := more(0)
		if rest > 0 && behind <= maxLagBytes {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("it holds %d MiB, with %d bytes of a message to come", behind>>20, rest)
		}
	}
}

// What a publisher has sent goes, whoever published the name before.
func TestLogOfALaterPublicationIsForgotten(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	p.Close()
	p, err := s.Publish()
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, rtmp.TypeVideo, 0, key(0))
	old := weak.Make(s.log.tail)
	for i := range 3 {
		write(t, p, rtmp.TypeVideo, media.Timestamp(i), append(key(1), make([]byte, segmentSize)...))
	}
	runtime.GC()
	if old.Value() != nil {
		t.Error("its first segment is there still")
	}
	p.Close()
}

// A loop that has nothing to do any more keeps nothing of what it did.
func TestLogIsForgottenWhenItsPlayersAreGone(t *testing.T) {
	for _, until := range []*Until{nil, {Length: time.Hour}} {
		s, p := publish(t, newFanout(t), "a")
		far := dial(t)
		player := s.PlayWith(far.conn, 1, PlayOptions{Until: until})
		old := weak.Make(s.log.tail)
		for range 50 {
			write(t, p, rtmp.TypeAudio, 0, sound(0))
		}
		for range 50 {
			far.expect(t, "audio af0100@1 at 0")
		}
		player.Close()
		for i := range 3 {
			write(t, p, rtmp.TypeAudio, media.Timestamp(i), append(sound(1), make([]byte, segmentSize)...))
		}
		runtime.GC()
		if old.Value() != nil {
			t.Errorf("until %v: its first segment is there still", until)
		}
		p.Close()
	}
}

// Whoever still has a reader that is closed has nothing of the log.
func TestClosedReaderHoldsNothing(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	r := s.NewReader()
	write(t, p, rtmp.TypeAudio, 0, sound(0))
	old := weak.Make(s.log.tail)
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for i := range 3 {
		write(t, p, rtmp.TypeAudio, media.Timestamp(i), append(sound(1), make([]byte, segmentSize)...))
	}
	runtime.GC()
	if old.Value() != nil {
		t.Error("its first segment is there still")
	}
	runtime.KeepAlive(r)
	p.Close()
}
