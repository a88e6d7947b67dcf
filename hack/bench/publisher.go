package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// The stream that everything is measured with: 1.1 Mbit/s, shaped like what an
// encoder makes of 30 pictures a second with a keyframe every two.
const (
	frameRate = 30
	gopFrames = 60
	keySize   = 25000 // bytes of payload
	interSize = 3814  // so that video is 1 Mbit/s
	audioSize = 270   // AAC of 93 kbit/s: 1,024 samples at 44.1 kHz a message
	// Where in a video payload the stamp is: send time in ns and number.
	stampAt  = 10
	stampEnd = stampAt + 12
	// headerBytes is how much of a message's first chunk goes before its
	// payload, when its time is below 4.6 hours [SPEC §5.3.1.2.1].
	headerBytes = 12
	audioPer    = 1024.0 / 44.1 // ms
)

var (
	epoch = time.Now()
	// The configuration records that every decoder needs first: of 640 by 360 pixels.
	videoHeader = []byte{0x17, 0, 0, 0, 0,
		1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 25, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x3c,
		0x0f, 0x16, 0x2e, 0x48, 1, 0, 5, 0x68, 0xcb, 0x83, 0xcb, 0x20}
	audioHeader = []byte{0xaf, 0, 0x12, 0x10}
)

// clock is the time that frames are stamped with, in ns.
func clock() int64 { return int64(time.Since(epoch)) }

// frameMS is the timestamp of a frame.
func frameMS(frame int) media.Timestamp { return media.Timestamp(frame * 1000 / frameRate) }

// unit is a frame of video and the audio that goes with it.
type unit struct {
	video []byte
	audio []media.Timestamp
}

// makeUnit is frame number n, the same bytes every time but for the stamp.
func makeUnit(n int) unit {
	size, kind, nal := interSize, byte(0x27), byte(0x41)
	if n%gopFrames == 0 {
		size, kind, nal = keySize, 0x17, 0x65
	}
	v := make([]byte, size)
	v[0], v[1] = kind, 1
	binary.BigEndian.PutUint32(v[5:], uint32(size-9))
	v[9] = nal
	for i := stampEnd; i < size; i++ {
		v[i] = byte(i*31 + n)
	}
	binary.BigEndian.PutUint32(v[stampAt+8:], uint32(n))
	u := unit{video: v}
	from, to := float64(n)*1000/frameRate, float64(n+1)*1000/frameRate
	for k := int(from / audioPer); float64(k)*audioPer < to; k++ {
		if t := float64(k) * audioPer; t >= from {
			u.audio = append(u.audio, media.Timestamp(t))
		}
	}
	return u
}

func audioPayload() []byte {
	a := make([]byte, audioSize)
	a[0], a[1] = 0xaf, 1
	for i := 2; i < len(a); i++ {
		a[i] = byte(i * 17)
	}
	return a
}

// framed are the bytes that one tick sends: made anew only as far as it must
// be, since the core is shared.
type framed struct {
	gop [gopFrames][]byte
}

// tick returns frame n in chunks, and where in it the stamp is.
func (f *framed) tick(n, size int) (b []byte, stamp int) {
	u := makeUnit(n)
	b = f.gop[n%gopFrames][:0]
	b = rtmp.AppendChunks(b, &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: frameMS(n), Payload: u.video}, size)
	for _, t := range u.audio {
		b = rtmp.AppendChunks(b, &rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: t, Payload: audioPayload()}, size)
	}
	f.gop[n%gopFrames] = b
	return b, headerBytes + stampAt
}

// tickBytes is how many bytes a player is sent for frame n.
func tickBytes(n int) int {
	var f framed
	b, _ := f.tick(n, rtmp.ChunkSize)
	return len(b)
}

// bytesPerSecond is the rate of the stream as players get it, whole GOPs long.
func bytesPerSecond() float64 {
	total := 0
	for n := range gopFrames {
		total += tickBytes(n)
	}
	return float64(total) * frameRate / gopFrames
}

// feed publishes the same stream under several names.
type feed struct {
	fds     []int
	stopped chan struct{}
	wg      sync.WaitGroup
	paused  atomic.Bool
	idle    atomic.Bool  // paused, and nothing is on its way
	frames  atomic.Int64 // sent, by each
	late    atomic.Int64 // ns, the most that a frame was sent after its time
	err     atomic.Pointer[error]
}

// publish begins to publish under names; kind is live or record. Close ends it.
func publish(t *target, kind string, names ...string) (*feed, error) {
	f := &feed{stopped: make(chan struct{})}
	for _, name := range names {
		fd, err := openPublisher(t, name, kind)
		if err != nil {
			f.close()
			return nil, fmt.Errorf("publish %s: %w", name, err)
		}
		f.fds = append(f.fds, fd)
	}
	f.wg.Go(f.run)
	return f, nil
}

func openPublisher(t *target, name, kind string) (int, error) {
	fd, err := dial(t.addr)
	if err != nil {
		return -1, err
	}
	if err := introduce(fd, t, name, kind); err != nil {
		closeSocket(fd)
		return -1, err
	}
	return fd, nil
}

// introduce brings a blocking socket to where it may send media.
func introduce(fd int, t *target, name, kind string) error {
	if err := sendAll(fd, firstWords()); err != nil {
		return err
	}
	got := make([]byte, 0, answer)
	b := make([]byte, 64<<10)
	for len(got) < answer {
		n, err := syscall.Read(fd, b[:answer-len(got)])
		if err != nil || n == 0 {
			return fmt.Errorf("handshake: %w", orEnd(err))
		}
		got = append(got, b[:n]...)
	}
	p := newParser()
	say := func(words []byte, until string) error {
		if err := sendAll(fd, words); err != nil {
			return err
		}
		for found := false; !found; {
			n, err := syscall.Read(fd, b)
			if err != nil || n == 0 {
				return fmt.Errorf("waiting for %s: %w", until, orEnd(err))
			}
			if err := p.feed(b[:n], func(m message) {
				found = found || m.kind == rtmp.TypeCommand && strings.Contains(string(m.head), until)
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := say(append(got[1:1+1536:1+1536], connectWords(t.addr.String(), t.app)...), "_result"); err != nil {
		return err
	}
	if err := say(createStreamWords(), "_result"); err != nil {
		return err
	}
	if err := say(publishWords(name, kind), "NetStream.Publish.Start"); err != nil {
		return err
	}
	for _, m := range []rtmp.Message{
		{Type: rtmp.TypeVideo, StreamID: 1, Payload: videoHeader},
		{Type: rtmp.TypeAudio, StreamID: 1, Payload: audioHeader},
	} {
		if err := sendAll(fd, rtmp.AppendChunks(nil, &m, chunkSize)); err != nil {
			return err
		}
	}
	return nil
}

// orEnd is the error of a read that brought nothing.
func orEnd(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

// run sends every frame at its time, the publishers one after another within
// it, as strangers would.
func (f *feed) run() {
	runtime.LockOSThread()
	preferThread()
	const gap = int64(time.Second) / frameRate
	start := clock()
	var out framed
	sink := make([]byte, 4096)
	for n := 0; ; n++ {
		if f.paused.Load() {
			f.idle.Store(true)
			from := clock()
			for f.paused.Load() && !f.ended() {
				nap(int64(5 * time.Millisecond))
			}
			f.idle.Store(false)
			start += clock() - from
		}
		b, stamp := out.tick(n, chunkSize)
		for i, fd := range f.fds {
			due := start + int64(n)*gap + int64(i)*gap/int64(len(f.fds))
			nap(due - clock())
			if f.ended() {
				return
			}
			now := clock()
			f.late.Store(max(f.late.Load(), now-due))
			binary.BigEndian.PutUint64(b[stamp:], uint64(now))
			if err := sendAll(fd, b); err != nil {
				err = fmt.Errorf("publisher %d: %w", i, err)
				f.err.Store(&err)
				return
			}
			if n%frameRate == 0 { // what the server says is not of interest
				_, _ = receive(fd, sink, true)
			}
		}
		f.frames.Store(int64(n + 1))
	}
}

func (f *feed) ended() bool {
	select {
	case <-f.stopped:
		return true
	default:
		return false
	}
}

// failure is why it stopped by itself.
func (f *feed) failure() error {
	if p := f.err.Load(); p != nil {
		return *p
	}
	return nil
}

// pause stops between two frames, and returns how many are sent.
func (f *feed) pause() int64 {
	f.paused.Store(true)
	for !f.idle.Load() && f.failure() == nil {
		nap(int64(time.Millisecond))
	}
	return f.frames.Load()
}

func (f *feed) resume() { f.paused.Store(false) }

// close ends the publications by closing their connections.
func (f *feed) close() {
	close(f.stopped)
	f.wg.Wait()
	for _, fd := range f.fds {
		closeSocket(fd)
	}
}
