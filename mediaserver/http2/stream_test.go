package http2

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// noise is bytes by which it shows where they belong.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// Answers of a connection come whole, whoever writes them and whatever else goes on.
func TestAnswersOfAConnection(t *testing.T) {
	t.Parallel()
	whole := noise(5 << 20)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			_, _ = w.Write(whole)
			return
		}
		a := taken(t, w, r)
		if Take(r.Context()) != nil {
			t.Error("it is taken twice")
		}
		for _, part := range [][]byte{whole[:1], whole[1:20000], whole[20000 : 3<<20], whole[3<<20:]} {
			if err := a.WriteWaiting(part, servertest.Patience); err != nil {
				t.Error(err)
			}
		}
	})
	done := make(chan struct{})
	const each = 6
	for i := range 2 * each {
		body := s.get(t, []string{"/plain", "/taken"}[i%2])
		go func() {
			defer func() { done <- struct{}{} }()
			if b, err := io.ReadAll(body); err != nil || !bytes.Equal(b, whole) {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		}()
	}
	for range 2 * each {
		<-done
	}
}

// What is written is what both windows have room for, however they are opened.
func TestWindows(t *testing.T) {
	t.Parallel()
	const initialWindowSize = 4
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if a := taken(t, w, r); a.WriteWaiting(noise(1<<20), servertest.Patience) != nil {
			t.Log("cut off") // with the connection
		}
	})
	p := s.dial(t, initialWindowSize, 5000)
	p.ask(1, "/")
	p.until("the first window", func() bool { return p.data[1] == 5000 })
	p.opens(1, 2000)
	p.until("opened", func() bool { return p.data[1] == 7000 })
	p.write(settingsFrame(initialWindowSize, 8000))
	p.until("by settings", func() bool { return p.data[1] == 10000 })
	p.write(settingsFrame(initialWindowSize, 1000)) // 7000 less than nothing
	p.opens(1, 7000)
	p.answered()
	p.opens(1, 1500)
	p.until("opened again", func() bool { return p.data[1] == 11500 })
	p.opens(1, 1) // little by little
	p.until("by a byte", func() bool { return p.data[1] == 11501 })
	p.opens(1, 1<<20)
	p.until("the connection's, but for what is spared", func() bool { return p.data[1] == firstWindow-spared })
	p.answered()
	p.opens(0, 10000)
	p.until("of the connection", func() bool { return p.data[1] == firstWindow-spared+10000 })
	p.opens(0, 2<<20)
	p.until("all", func() bool { return p.ends[1] })
	if p.data[1] != 1<<20 {
		t.Errorf("%d bytes", p.data[1])
	}
	// What net/http has of the connection's window is what there is.
	p.ask(3, "/")
	p.opens(3, 2<<20)
	p.until("another", func() bool { return p.ends[3] })
}

// Who does not read one answer has others, within the least windows that there are, and
// who has a large answer on its way has what is live.
func TestAnswersDoNotHoldUpOneAnother(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			_, _ = w.Write(noise(200 << 10))
		case "/live":
			a := taken(t, w, r)
			for a.WriteWaiting(noise(4<<10), servertest.Patience) == nil && r.Context().Err() == nil {
			}
		default:
			a := taken(t, w, r)
			_ = a.WriteWaiting(noise(1<<20), servertest.Patience)
			<-r.Context().Done()
		}
	})
	p := s.dial(t)
	p.ask(1, "/unread")
	p.until("what goes without reading", func() bool { return p.data[1] == firstWindow-spared })
	p.ask(3, "/plain")
	read := 0
	reads := func(stream uint32) {
		if p.data[stream]-read >= 4<<10 {
			p.opens(0, uint32(p.data[stream]-read))
			p.opens(stream, uint32(p.data[stream]-read))
			read = p.data[stream]
		}
	}
	p.until("an answer beside it", func() bool { reads(3); return p.ends[3] })
	if p.data[3] != 200<<10 {
		t.Errorf("%d bytes", p.data[3])
	}
	p.write(frame(frameReset, 0, 1, number(8)))
	p.opens(0, uint32(p.data[1]))

	p.ask(5, "/live")
	p.ask(7, "/plain")
	had := map[uint32]int{}
	p.until("both", func() bool {
		for _, id := range []uint32{5, 7} {
			if n := p.data[id] - had[id]; n >= 4<<10 {
				p.opens(0, uint32(n))
				if !p.ends[id] {
					p.opens(id, uint32(n))
				}
				had[id] = p.data[id]
			}
		}
		return p.ends[7] && p.data[5] > 300<<10
	})
}

// An answer that is torn, by either side, ends alone.
func TestTornAnswers(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		a := taken(t, w, r)
		if err := a.WriteWaiting(noise(100), servertest.Patience); err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/ours" {
			panic(http.ErrAbortHandler)
		}
		errs <- a.WriteWaiting(noise(1<<20), servertest.Patience)
	})
	p := s.dial(t)
	p.ask(1, "/ours")
	reset := false
	for !reset {
		h, _, ok := p.next()
		if !ok {
			t.Fatal("the connection has ended")
		}
		reset = h.kind == frameReset && h.stream == 1
	}
	p.ask(3, "/theirs")
	p.until("some", func() bool { return p.data[3] > 100 })
	p.write(frame(frameReset, 0, 3, number(8)))
	if err := <-errs; err == nil {
		t.Error("it is written, and nobody has it")
	}
	p.answered()
}

// A client that takes nothing is slow, and one that has gone is seen to have.
func TestClientsThatTakeNothing(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		a := taken(t, w, r)
		within := servertest.Patience
		if r.URL.Path == "/slow" {
			within = time.Millisecond
		}
		errs <- a.WriteWaiting(noise(1<<20), within)
	})
	p := s.dial(t)
	p.ask(1, "/slow")
	if err := <-errs; err == nil {
		t.Error("it is taken to have all")
	}
	p.opens(0, 1<<20)
	p.ask(3, "/")
	p.until("some", func() bool { return p.data[3] > 0 })
	p.Close()
	if err := <-errs; err == nil {
		t.Error("it has gone, and is taken to have all")
	}
}

// Windows that are opened beyond all bounds, and what is no HTTP/2, close a connection.
func TestBeyondBounds(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		a := taken(t, w, r)
		_ = a.WriteWaiting(noise(1<<20), servertest.Patience)
	})
	const initialWindowSize = 4
	for name, says := range map[string]func(*peer){
		"the connection's window": func(p *peer) { p.opens(0, maxWindow) },
		"a stream's":              func(p *peer) { p.opens(1, maxWindow) },
		"all streams'": func(p *peer) {
			p.opens(1, 1<<20)
			p.write(settingsFrame(initialWindowSize, maxWindow))
		},
		"no window": func(p *peer) { p.opens(0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.dial(t)
			p.ask(1, "/")
			p.until("some", func() bool { return p.data[1] > 0 })
			says(p)
			p.gone()
		})
	}
	t.Run("HTTP/1.1", func(t *testing.T) {
		t.Parallel()
		p := s.dialWords(t, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		p.gone()
	})
}
