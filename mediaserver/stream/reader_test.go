package stream

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"weak"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// bounded is a reader for which 4 MiB are kept: tests of more take their time.
func bounded(s *Stream) *Reader {
	r := s.NewReader()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.bound = 4 << 20
	return r
}

// grow publishes so many MiB of sound.
func grow(t *testing.T, p *Publisher, mib int) {
	t.Helper()
	for i := range mib {
		write(t, p, rtmp.TypeAudio, media.Timestamp(i), append(sound(1), make([]byte, 1<<20)...))
	}
}

// isFree says that nobody keeps a segment of a log, though somebody has a reader.
func isFree(t *testing.T, what string, old weak.Pointer[segment], r *Reader) {
	t.Helper()
	runtime.GC()
	if old.Value() != nil {
		t.Errorf("%s is kept for a reader that nobody reads", what)
	}
	runtime.KeepAlive(r)
}

// A recorder hangs in its disk, and never calls Next: the log lets go of what it
// is behind, and whoever waits for that is told.
func TestReaderThatNobodyReadsIsCut(t *testing.T) {
	s, p := publish(t, newFanout(t), "a")
	r := bounded(s)
	defer r.Close()
	write(t, p, rtmp.TypeAudio, 0, sound(0))
	old := weak.Make(s.log.tail)
	grow(t, p, 3)
	select {
	case <-r.Lagged():
		t.Fatal("it is cut before its bound")
	default:
	}
	grow(t, p, 2)
	<-r.Lagged()
	isFree(t, "what lies behind the bound", old, r)
	if !r.Pending() {
		t.Error("its recorder would wait for more")
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrLagged) {
		t.Errorf("it fails with %v, want ErrLagged", err)
	}
	p.Close()
}

// A reader whose publication is over keeps what it has not read, however much the
// next publisher brings, and nothing of that.
func TestReaderKeepsItsOwnPublicationOnly(t *testing.T) {
	for name, end := range map[string]func(r *Reader, p *Publisher) *Publisher{
		"closed": func(_ *Reader, p *Publisher) *Publisher { p.Close(); return nil },
		"taken over": func(r *Reader, p *Publisher) *Publisher {
			next := p.TakeOver(p.s.log.tail.began)
			r.EndHere()
			return next
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := publish(t, newFanout(t), "a")
			r := bounded(s)
			defer r.Close()
			write(t, p, rtmp.TypeAudio, 0, sound(7))
			grow(t, p, 2)
			next := end(r, p)
			if next == nil {
				var err error
				if next, err = s.Publish(); err != nil {
					t.Fatal(err)
				}
			}
			grow(t, next, 1)
			old := weak.Make(s.log.tail)
			grow(t, next, 6)
			isFree(t, "the next publication", old, r)
			select {
			case <-r.Lagged():
				t.Error("it is cut for what is not its own")
			default:
			}
			for i, want := range [][]byte{sound(7), sound(1), sound(1)} {
				m, err := r.Next(t.Context())
				if err != nil || !bytes.HasPrefix(m.Payload, want) {
					t.Fatalf("message %d is %x, %v", i, m.Payload[:min(4, len(m.Payload))], err)
				}
			}
			if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("at its end: %v, want io.EOF", err)
			}
			next.Close()
		})
	}
}

// Publishing, cutting, ending and closing go on while a recorder reads.
func TestReaderIsCutWhileItReads(t *testing.T) {
	for _, end := range []func(*Reader){(*Reader).EndHere, (*Reader).Close, func(*Reader) {}} {
		s, p := publish(t, newFanout(t), "a")
		r := bounded(s)
		var reads sync.WaitGroup
		n := 0
		reads.Go(func() {
			for {
				if _, err := r.Next(t.Context()); err != nil {
					if !errors.Is(err, io.EOF) && !errors.Is(err, ErrLagged) && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				n++
			}
		})
		grow(t, p, 10)
		end(r)
		grow(t, p, 1)
		p.Close()
		reads.Wait()
		r.Close()
	}
}
