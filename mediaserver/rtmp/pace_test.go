package rtmp

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	now := time.Unix(1000, 0)
	if n, rest := p.room(5, now); n != math.MaxInt || rest != 0 {
		t.Errorf("%d, %v without a pace", n, rest)
	}
	p.set(100_000)
	gone, began := uint64(0), now
	for now.Sub(began) < 20*time.Second {
		n, rest := p.room(gone, now)
		if n == 0 && (rest <= 0 || rest > maxRest) {
			t.Fatalf("rests for %v", rest)
		}
		gone += uint64(n)
		now = now.Add(rest + time.Millisecond)
	}
	if rate := float64(gone) / 20; rate < 95_000 || rate > 105_000 {
		t.Errorf("%.0f bytes a second", rate)
	}
	now = now.Add(time.Hour)
	if n, _ := p.room(gone, now); n != 50_000 {
		t.Errorf("%d bytes at once after a rest", n)
	}
	if n, rest := p.room(gone+1<<30, now); n != 0 || rest != maxRest {
		t.Errorf("%d, %v with a debt", n, rest)
	}
	p.set(1)
	if p.rate.Load() != minPace {
		t.Errorf("a pace of %d", p.rate.Load())
	}
	p.set(0)
	if n, _ := p.room(gone, now); n != math.MaxInt {
		t.Errorf("%d, and no pace any more", n)
	}
}

// A connection keeps the pace that it is given, both ways.
func TestConnectionKeepsItsPace(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(server *Conn, pace int64){
		"writing": func(c *Conn, pace int64) { c.SetPace(0, pace) },
		"reading": func(c *Conn, pace int64) { c.SetPace(pace, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, client := shaken(t, true, Config{})
				defer server.Close()
				defer client.Close()
				const rate, messages, size = 10 << 10, 20, 5 << 10
				set(server, rate)
				from, to := server, client
				if name == "reading" {
					from, to = client, server
				}
				came := make(chan struct{}, messages)
				for _, c := range []*Conn{from, to} {
					go func() {
						_ = c.Serve(func(m *Message) error {
							if m.Type == TypeVideo {
								came <- struct{}{}
							}
							return nil
						})
					}()
				}
				began := time.Now()
				for range messages {
					if err := from.Send(&Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, size)}); err != nil {
						t.Fatal(err)
					}
				}
				for range messages {
					<-came
				}
				took := time.Since(began).Seconds()
				// Half a second's worth goes at once, and a read brings a buffer's worth.
				if want := float64(messages*size) / rate; took < want-3 || took > want+2 {
					t.Errorf("took %.1f s, want %.1f", took, want)
				}
				server.SetPace(0, 0)
				began = time.Now()
				for range messages {
					if err := from.Send(&Message{Type: TypeVideo, StreamID: 1, Payload: make([]byte, size)}); err != nil {
						t.Fatal(err)
					}
				}
				for range messages {
					<-came
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("took %v without a pace", took)
				}
			})
		})
	}
}
