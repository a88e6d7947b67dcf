package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// until calls b until what it says is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(what)
		}
	}
}

// A peer holds what its limits let it hold: by message and all together, and
// media and other messages apart.
func TestLimitsByStanding(t *testing.T) {
	t.Parallel()
	narrow := Limits{Message: 1000, Media: 2000, Held: 3000}
	large := func(kind MessageType, size int) []byte {
		b := begin(4, size)
		b[7] = byte(kind)
		return append(b, make([]byte, 128)...)
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		want  error
	}{
		{"a command", large(TypeCommand, 1001), ErrTooBig},
		{"data", large(TypeData, 1001), ErrTooBig},
		{"a shared object", large(TypeSharedObject, 1001), ErrTooBig},
		{"a message of no type", large(99, 1001), ErrTooBig},
		{"a picture", large(TypeVideo, 2001), ErrTooBig},
		{"a picture that fits", large(TypeVideo, 2000), nil},
		{"a command inside an aggregate", AppendChunks(nil, &Message{Type: TypeAggregate, Payload: append([]byte{byte(TypeCommand), 0, 0x04, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 1024+4)...)}, defaultChunkSize), ErrTooBig},
		{"many that do not end", func() (b []byte) {
			for id := range 30 {
				b = append(b, begin(4+id, 900)...)
				b = append(b, make([]byte, 128)...)
			}
			return b
		}(), ErrTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, peer := newRawPeer(t, false, Config{})
			server.SetLimits(narrow)
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(func(*Message) error { return nil }) }()
			if _, err := peer.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if c.want == nil {
				_ = peer.Conn.(*net.TCPConn).CloseWrite()
			}
			if err := <-ended; c.want != nil && !errors.Is(err, c.want) || c.want == nil && errors.Is(err, ErrTooBig) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Limits that are about to be widened are waited for.
func TestLimitsSettle(t *testing.T) {
	t.Parallel()
	server, peer := newRawPeer(t, false, Config{})
	server.SetLimits(Limits{Message: 10, Media: 10, Held: 10})
	server.BeforeTooBig(func() { server.SetLimits(Limits{Message: 5000, Media: 5000, Held: 5000}) })
	peer.send(&Message{Type: TypeVideo, Payload: make([]byte, 4000)})
	if m := <-collect(t, server); len(m.Payload) != 4000 {
		t.Errorf("%d bytes", len(m.Payload))
	}
}

// What half messages take is paid for, by what is really there, and comes back:
// when a message ends, when it is dropped, and when the connection does.
func TestHalfMessagesArePaidFor(t *testing.T) {
	t.Parallel()
	b := budget.New("messages", 100<<10)
	limits := Limits{Message: 1 << 20, Media: 1 << 20, Held: 1 << 20, Budget: b}
	server, peer := newRawPeer(t, false, Config{})
	server.SetLimits(limits)
	ended := make(chan error, 1)
	got := make(chan int, 10)
	go func() {
		ended <- server.Serve(func(m *Message) error { got <- len(m.Payload); return nil })
	}()
	peer.send(SetChunkSize(1 << 20))
	half := func(id, n int) {
		if _, err := peer.Write(append(begin(id, 1<<20-1), make([]byte, n)...)); err != nil {
			t.Fatal(err)
		}
	}
	// A promise costs nothing, and nor does what honest clients say.
	half(4, 2000)
	peer.send(&Message{Type: TypeAck, Payload: make([]byte, 4)})
	half(5, 10)
	if b.Used() != 0 {
		t.Errorf("%d paid for what is free", b.Used())
	}
	// The chunk of stream 5 has not ended: the rest goes there.
	if _, err := peer.Write(make([]byte, 60<<10)); err != nil {
		t.Fatal(err)
	}
	until(t, "a half message is not paid for", func() bool { return b.Used() >= 48<<10 && b.Used() <= 100<<10 })
	if _, err := peer.Write(make([]byte, 200<<10)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrUsedUp) {
		t.Errorf("%v, want ErrUsedUp", err)
	}
	if b.Used() != 0 || b.Refused() == 0 {
		t.Errorf("%d paid for after the end, %d refused", b.Used(), b.Refused())
	}
}

// A message that is whole is not paid for any more, whatever budget paid.
func TestBudgetsChangeHands(t *testing.T) {
	t.Parallel()
	strangers, all := budget.New("messages of strangers", 1<<20), budget.New("messages", 1<<20)
	server, peer := newRawPeer(t, false, Config{})
	limits := Limits{Message: 1 << 20, Media: 1 << 20, Held: 1 << 20, Budget: strangers}
	server.SetLimits(limits)
	got := make(chan int, 10)
	go func() { _ = server.Serve(func(m *Message) error { got <- len(m.Payload); return nil }) }()
	peer.send(SetChunkSize(1 << 20))
	payload := make([]byte, 500<<10)
	message := append(begin(4, len(payload)), payload...)
	for n, budget := range []*budget.Budget{strangers, all} {
		limits.Budget = budget
		server.SetLimits(limits)
		if _, err := peer.Write(message[:300<<10]); err != nil {
			t.Fatal(err)
		}
		until(t, fmt.Sprintf("message %d is not paid for", n), func() bool { return budget.Used() > 200<<10 })
		if _, err := peer.Write(message[300<<10:]); err != nil {
			t.Fatal(err)
		}
		if n := <-got; n != len(payload) {
			t.Errorf("%d bytes", n)
		}
		if strangers.Used() != 0 || all.Used() != 0 {
			t.Errorf("message %d: %d and %d paid for after it has ended", n, strangers.Used(), all.Used())
		}
	}
}

// A message that does not end ends the connection, however much else is said
// meanwhile.
func TestMessageThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pair(t, true)
		server := NewServerConn(near, Config{})
		ended := make(chan error, 1)
		started := time.Now()
		go func() { ended <- server.Serve(func(*Message) error { return nil }) }()
		go func() { // what the server says
			b := make([]byte, 1<<10)
			for {
				if _, err := far.Read(b); err != nil {
					return
				}
			}
		}()
		if _, err := far.Write(append(begin(4, 1<<20), make([]byte, 128)...)); err != nil {
			t.Fatal(err)
		}
		alive := bytes.Clone(AppendChunks(nil, &Message{Type: TypeAudio, Payload: make([]byte, 100)}, defaultChunkSize))
		alive[0] = 5 // another chunk stream
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case err := <-ended:
				if !errors.Is(err, ErrEndless) || time.Since(started) > 2*time.Minute {
					t.Errorf("%v after %v, want ErrEndless", err, time.Since(started))
				}
				server.Close()
				return
			case <-tick.C:
				_ = far.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // a pipe has one
				_, _ = far.Write(alive)                                         // nobody reads in the end
			}
			if time.Since(started) > 10*time.Minute {
				t.Fatal("ten minutes later it is still held")
			}
		}
	})
}

// A message that is slow but comes has the time that it takes.
func TestSlowMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pair(t, true)
		server := NewServerConn(near, Config{})
		got := make(chan int, 1)
		go func() { _ = server.Serve(func(m *Message) error { got <- len(m.Payload); return nil }) }()
		go func() {
			b := make([]byte, 1<<10)
			for {
				if _, err := far.Read(b); err != nil {
					return
				}
			}
		}()
		payload := make([]byte, 2<<20)
		message := AppendChunks(nil, &Message{Type: TypeVideo, Payload: payload}, defaultChunkSize)
		for len(message) > 0 { // 96 kbit/s: three minutes
			n := min(len(message), 12<<10)
			if _, err := far.Write(message[:n]); err != nil {
				t.Fatal(err)
			}
			message = message[n:]
			<-time.After(time.Second)
		}
		if n := <-got; n != len(payload) {
			t.Errorf("%d bytes", n)
		}
		server.Close()
	})
}

// Answers that nobody reads are paid for, and come back with the connection.
func TestAnswersArePaidFor(t *testing.T) {
	t.Parallel()
	for _, pipe := range []bool{false, true} {
		b := budget.New("answers", 600<<10)
		server, _ := newRawPeer(t, pipe, Config{Answers: b})
		server.out.chunkSize = 1 << 20
		answer := &Message{Type: TypeCommand, Payload: make([]byte, 10<<10)}
		var err error
		var held int64
		for range 10000 {
			if err = server.Send(answer); err != nil {
				break
			}
			held = max(held, b.Used())
		}
		if !errors.Is(err, ErrUsedUp) || held < 500<<10 {
			t.Errorf("pipe %v: %v after %d bytes were held, want ErrUsedUp", pipe, err, held)
		}
		until(t, "answers of a closed connection are paid for", func() bool { return b.Used() == 0 })

		// One connection alone does not take more than its share.
		b = budget.New("answers", 1<<40)
		server, _ = newRawPeer(t, pipe, Config{Answers: b})
		for err = nil; err == nil; err = server.Send(answer) {
			held = b.Used()
		}
		if !errors.Is(err, ErrSlow) || held > 2<<20 {
			t.Errorf("pipe %v: %v after %d bytes were held, want ErrSlow", pipe, err, held)
		}
		server.Close()
		if b.Used() != 0 {
			t.Errorf("pipe %v: %d bytes are paid for after the end", pipe, b.Used())
		}
	}
}

// What a client says is its own: a limit on what strangers have others hold for them
// is none of its.
func TestClientsMaySayMore(t *testing.T) {
	t.Parallel()
	near, far := pair(t, true)
	defer far.Close()
	client := NewClientConn(near, Config{})
	defer client.Close()
	said := &Message{Type: TypeData, Payload: make([]byte, 64<<10)}
	for range 3 * maxAnswers / len(said.Payload) {
		if err := client.Send(said); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever comes, no more is held than the limits and the budget let, and all of
// it comes back.
func FuzzHolding(f *testing.F) {
	for _, c := range chunkCases {
		f.Add(unhex(f, c.bytes))
	}
	f.Add(append(AppendChunks(nil, SetChunkSize(200), defaultChunkSize), append(begin(4, 600), make([]byte, 500)...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		paid := budget.New("messages", 2*payStep)
		r := reader(b, false)
		r.limits.now.Store(&Limits{Message: 20 << 10, Media: 40 << 10, Held: 50 << 10, Budget: paid})
		for n := 0; ; n++ {
			var m Message
			err := r.next(&m)
			if held := r.memory.bytes; held > freeHold+2*payStep {
				t.Fatalf("%d bytes are held", held)
			}
			if err != nil {
				break
			}
			if n == 3 { // it publishes
				r.limits.now.Store(&Limits{Message: 40 << 10, Media: 40 << 10, Held: 50 << 10, Keeps: true, Budget: paid.Part("part", 1<<20)})
			}
			if m.Type == TypeAbort && len(m.Payload) == 4 {
				r.abort(uint32(m.Payload[3]))
			}
		}
		r.memory.end()
		if paid.Used() != 0 {
			t.Fatalf("%d bytes are paid for at the end", paid.Used())
		}
	})
}
