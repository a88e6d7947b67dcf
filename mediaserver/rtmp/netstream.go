package rtmp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// clientBuffer is how much players say that they buffer.
const clientBuffer = 3 * time.Second

// What Play's start may be, beside a time in a recorded stream.
const (
	PlayAny  = -2 * time.Second // live when there is a publisher, else recorded
	PlayLive = -1 * time.Second
)

// NetStream is the client's end of a stream that is published or played
// [SPEC §7.2.2]. Methods that wait for statuses take them from one queue: no
// two of them may wait at once.
type NetStream struct {
	nc *NetConnection
	id uint32

	media    atomic.Pointer[func(*Message) error]
	statuses *statuses

	closing sync.Once
	closed  chan struct{}
}

// ID is the message stream id.
func (s *NetStream) ID() uint32 { return s.id }

// OnMedia has f called with every audio, video and data message. The message
// and its payload are valid during the call. An error ends the connection.
func (s *NetStream) OnMedia(f func(*Message) error) { s.media.Store(&f) }

// OnStatus has f called with the information object of every status, before
// Status returns it.
func (s *NetStream) OnStatus(f func(info *amf.Object)) { s.statuses.heard.Store(&f) }

// Status waits for the next status of the stream, or for an error of the
// connection, and returns its code. One of level error is returned as a
// *StatusError too. Of more than 64 that nobody waits for the last are lost.
// After Close it fails with net.ErrClosed.
func (s *NetStream) Status(ctx context.Context) (code string, err error) {
	return s.statuses.next(ctx, s.nc, s.closed)
}

// Await waits for a status of one of the codes, past others. It fails with the
// first error.
func (s *NetStream) Await(ctx context.Context, codes ...string) (string, error) {
	for {
		got, err := s.Status(ctx)
		if err != nil {
			return got, err
		}
		for _, code := range codes {
			if got == code {
				return got, nil
			}
		}
	}
}

// Command sends a command of the stream, to which statuses are the only answer:
// receiveAudio, receiveVideo, play2 and others.
func (s *NetStream) Command(name string, args ...amf.Value) error {
	return s.nc.conn.SendCommand(s.id, name, 0, nil, args...)
}

// ask sends a command and waits for the status that says that it is so.
func (s *NetStream) ask(ctx context.Context, code, name string, args ...amf.Value) error {
	if err := s.Command(name, args...); err != nil {
		return err
	}
	_, err := s.Await(ctx, code)
	return err
}

// Publish takes a name; mode is live, record, append or appendWithGap.
func (s *NetStream) Publish(ctx context.Context, name, mode string) error {
	return s.ask(ctx, "NetStream.Publish.Start", "publish", name, mode)
}

// Send publishes audio, video or data; whatever its StreamID, it goes to this
// stream. It waits while the server takes less than it is sent.
func (s *NetStream) Send(ctx context.Context, m *Message) error {
	out := *m
	out.StreamID = s.id
	return s.nc.conn.SendWait(ctx, &out)
}

// Unpublish ends a publication, and waits until the server says that it has.
func (s *NetStream) Unpublish(ctx context.Context) error {
	return s.ask(ctx, "NetStream.Unpublish.Success", "closeStream")
}

// Play asks for a stream from a start on: PlayAny, PlayLive, or a time in a
// recorded one, in whole milliseconds. What comes goes to OnMedia's function.
func (s *NetStream) Play(ctx context.Context, name string, start time.Duration) error {
	return s.play(ctx, name, start.Milliseconds())
}

// PlayPart is Play, for a length in whole milliseconds; below 0: all of it.
func (s *NetStream) PlayPart(ctx context.Context, name string, start, length time.Duration) error {
	if length < 0 {
		return s.Play(ctx, name, start)
	}
	return s.play(ctx, name, start.Milliseconds(), length.Milliseconds())
}

func (s *NetStream) play(ctx context.Context, args ...amf.Value) error {
	if err := s.nc.conn.Send(UserControl(EventSetBufferLength, s.id, uint32(clientBuffer.Milliseconds()))); err != nil {
		return err
	}
	return s.ask(ctx, "NetStream.Play.Start", "play", args...)
}

// Pause pauses what is played or, with pause false, goes on with it; at is
// where its user is in a recorded stream, in whole milliseconds.
func (s *NetStream) Pause(ctx context.Context, pause bool, at time.Duration) error {
	code := "NetStream.Unpause.Notify"
	if pause {
		code = "NetStream.Pause.Notify"
	}
	return s.ask(ctx, code, "pause", pause, at.Milliseconds())
}

// Seek goes on with a recorded stream at a time of it, in whole milliseconds.
func (s *NetStream) Seek(ctx context.Context, to time.Duration) error {
	return s.ask(ctx, "NetStream.Seek.Notify", "seek", to.Milliseconds())
}

// Close takes the stream away at the server [SPEC §7.2.2.3], which ends what
// is published or played on it. It does not wait for that.
func (s *NetStream) Close() error {
	var err error
	s.closing.Do(func() {
		s.nc.mu.Lock()
		if s.nc.streams[s.id] == s {
			s.nc.streams[s.id] = nil
		}
		s.nc.mu.Unlock()
		close(s.closed)
		err = s.nc.Notify("deleteStream", s.id)
	})
	return err
}

// statuses are the information objects that have come and nobody has taken.
type statuses struct {
	queue chan *amf.Object
	heard atomic.Pointer[func(*amf.Object)]
}

func newStatuses() *statuses { return &statuses{queue: make(chan *amf.Object, 64)} }

func (q *statuses) add(info *amf.Object) {
	if heard := q.heard.Load(); heard != nil && *heard != nil {
		(*heard)(info)
	}
	select {
	case q.queue <- info:
	default: // nobody has listened for long
	}
}

// next waits for a status. What came before the end goes first: a server that
// refuses says why, and closes.
func (q *statuses) next(ctx context.Context, nc *NetConnection, closed <-chan struct{}) (code string, err error) {
	var info *amf.Object
	select {
	case info = <-q.queue:
	case <-nc.ended:
		err = nc.end()
	case <-closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		select {
		case info = <-q.queue:
		default:
			return "", err
		}
	}
	e := statusError(info)
	if level, _ := info.Get("level"); level == "error" {
		return e.Code, e
	}
	return e.Code, nil
}
