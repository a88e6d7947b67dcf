package http2

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// What is laid out once for many comes whole to each, whatever its stream's number and
// windows are, and nothing of it comes again when it is forgotten.
func TestLaid(t *testing.T) {
	t.Parallel()
	const initialWindowSize = 4
	streams, over := make(chan *Stream), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams <- taken(t, w, r)
		<-over
	})
	defer close(over)
	clients := []struct {
		number uint32
		window uint32 // of a stream, at first
	}{{1, 1 << 20}, {1, 1 << 20}, {3, 1 << 20}, {1, 5000}, {3, 1 << 20}}
	memory := noise(120 << 10)
	first := bytes.Clone(memory)
	second := bytes.Repeat([]byte("again"), len(memory))[:len(memory)]
	came := make(chan error, len(clients))
	var all []*Stream
	for _, c := range clients {
		p := s.dial(t, initialWindowSize, c.window)
		p.opens(0, 1<<20)
		p.ask(c.number, "/")
		all = append(all, <-streams)
		go func() {
			_, _ = p.Write(frame(frameWindow, 0, c.number, number(1<<20)))
			var got []byte
			for len(got) < 2*len(memory) {
				h, b, ok := p.next()
				if !ok {
					break
				}
				if h.kind == frameData && h.stream == c.number {
					got = append(got, b...)
				}
			}
			if !bytes.Equal(got, append(bytes.Clone(first), second...)) {
				came <- fmt.Errorf("a client whose stream is %d, and was opened by %d, has got something else, of %d bytes", c.number, c.window, len(got))
				return
			}
			came <- nil
		}()
	}
	var laid Laid
	for _, content := range [][]byte{first, second} {
		copy(memory, content)
		for _, s := range all {
			n, err := s.TryWriteLaid([][]byte{memory[:1], memory[1:30000], memory[30000:]}, &laid)
			if err == nil && n < len(memory) { // a window, the socket, or net/http's turn
				err = s.WriteWaiting(memory[n:], servertest.Patience)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		laid.Forget()
	}
	for range clients {
		if err := <-came; err != nil {
			t.Error(err)
		}
	}
}
