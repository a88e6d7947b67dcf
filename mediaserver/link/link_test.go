package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// ends is a link: what an edge and an origin have of it.
type ends struct {
	edge, origin *Conn
	hello        Hello
	dialed, took error
}

// join has an edge and an origin meet, with the keys that each has.
func join(t testing.TB, edgeKeys, originKeys string, h Hello, may func(Hello) error) ends {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cert, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	var e ends
	took := make(chan struct{})
	go func() {
		defer close(took)
		nc, err := ln.Accept()
		if err != nil {
			e.took = err
			return
		}
		begin := make([]byte, len(Preface))
		if _, err := io.ReadFull(nc, begin); err != nil || string(begin) != Preface {
			e.took = fmt.Errorf("%q: %w", begin, err)
			return
		}
		e.origin, e.hello, e.took = Accept(nc, cert, FixedKeys(strings.Fields(originKeys)...), 0, may)
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.edge, e.dialed = Dial(t.Context(), nc, FixedKeys(strings.Fields(edgeKeys)...), h)
	<-took
	t.Cleanup(func() {
		for _, c := range []*Conn{e.edge, e.origin} {
			if c != nil {
				c.Close()
			}
		}
	})
	return e
}

func anybody(Hello) error { return nil }

// Both ends know one another by their key, and by nothing else.
func TestHello(t *testing.T) {
	t.Parallel()
	control := Hello{Purpose: Control, Edge: "edge-1"}
	e := join(t, "secret", "secret", control, anybody)
	if e.dialed != nil || e.took != nil || e.hello != control || e.edge.Version() != version || e.origin.Version() != version {
		t.Errorf("%v, %v, %+v", e.dialed, e.took, e.hello)
	}
	older := join(t, "secret", "secret", Hello{Purpose: Control, Edge: "edge-1", Newest: oldest}, anybody)
	if older.dialed != nil || older.edge.Version() != oldest || older.origin.Version() != oldest || older.origin.Shared() || !e.origin.Shared() {
		t.Errorf("an edge that is a version behind: %v, %v", older.dialed, older.took)
	}
	for name, c := range map[string]struct {
		edge, origin string
		hello        Hello
		may          func(Hello) error
		says         string
	}{
		"another key":     {"secret", "other", control, anybody, "another link key"},
		"no key":          {"secret", "", control, anybody, "refuses the link: there is no link key"},
		"another purpose": {"secret", "secret", Hello{Purpose: "dance", Edge: "e"}, anybody, `a link for "dance" is not known here`},
		"not wanted":      {"secret", "secret", control, func(Hello) error { return errors.New("there is no room for an edge") }, "there is no room for an edge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := join(t, c.edge, c.origin, c.hello, c.may)
			if e.dialed == nil || e.took == nil || !strings.Contains(e.dialed.Error(), c.says) {
				t.Errorf("the edge says %v, the origin %v", e.dialed, e.took)
			}
		})
	}
}

// While a key is replaced, one end knows the new one before the other, whichever it is.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edge, origin string
		meet         bool
	}{
		{"old", "new old", true},
		{"new old", "old", true},
		{"new old", "new old", true},
		{"new", "new old", true},
		{"older old", "new", false},
		{"1 2 3 4 5 6 7 8 old", "new old", false}, // more than count
	} {
		t.Run(c.edge+" to "+c.origin, func(t *testing.T) {
			t.Parallel()
			e := join(t, c.edge, c.origin, Hello{Purpose: Control, Edge: "e"}, anybody)
			if c.meet && (e.dialed != nil || e.took != nil) || !c.meet && !(errors.Is(e.took, ErrKey) && e.dialed != nil) {
				t.Errorf("the edge says %v, the origin %v", e.dialed, e.took)
			}
		})
	}
}

// An origin that has the key of nobody is found out by the edge: who sits between two ends
// has another TLS session with each, whose proofs differ.
func TestInBetween(t *testing.T) {
	t.Parallel()
	cert, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	listen := func(serve func(net.Conn)) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			nc, err := ln.Accept()
			if err == nil {
				serve(nc)
			}
		}()
		return ln.Addr().String()
	}
	refused := make(chan error, 1)
	origin := listen(func(nc net.Conn) {
		_, _ = io.ReadFull(nc, make([]byte, len(Preface)))
		_, _, err := Accept(nc, cert, FixedKeys("secret"), 0, anybody)
		refused <- err
	})
	between := listen(func(nc net.Conn) {
		defer nc.Close()
		_, _ = io.ReadFull(nc, make([]byte, len(Preface)))
		to, err := net.Dial("tcp", origin)
		if err != nil {
			return
		}
		defer to.Close()
		_, _ = to.Write([]byte(Preface))
		out := tls.Client(to, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		in := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
		done := make(chan struct{})
		go func() { _, _ = io.Copy(out, in); close(done) }()
		_, _ = io.Copy(in, out)
		<-done
	})
	nc, err := net.Dial("tcp", between)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	if _, err := Dial(ctx, nc, FixedKeys("secret"), Hello{Purpose: Control, Edge: "e"}); err == nil || !strings.Contains(err.Error(), "another link key") {
		t.Errorf("the edge says %v", err)
	}
	if err := <-refused; !errors.Is(err, ErrKey) {
		t.Errorf("the origin says %v", err)
	}
}

// Records come in order, whatever their size, in both directions at once.
func TestPipe(t *testing.T) {
	t.Parallel()
	e := join(t, "k", "k", Hello{Purpose: Control, Edge: "e"}, anybody)
	if e.dialed != nil || e.took != nil {
		t.Fatal(e.dialed, e.took)
	}
	const records = 300
	text := func(n int) string { return strings.Repeat("x", n*n%70000) }
	var pipes []*Pipe
	ended := make(chan error, 2)
	var all sync.WaitGroup // both have what the other has sent
	all.Add(2)
	for _, c := range []*Conn{e.edge, e.origin} {
		p := NewPipe(c, 64<<20)
		pipes = append(pipes, p)
		next := 0
		go func() {
			ended <- p.Run(func(r Record) error {
				var b ReasonBody
				if err := r.Decode(&b); err != nil {
					return err
				}
				if r.Kind != Shutdown || r.Client != uint64(next) || r.ID != uint64(next)<<40 || b.Reason != text(next) {
					return fmt.Errorf("%d: %d %d, %d bytes", next, r.Client, r.ID, len(b.Reason))
				}
				if next++; next == records {
					all.Done()
				}
				return nil
			})
		}()
	}
	for n := range records {
		for _, p := range pipes {
			p.Send(Shutdown, uint64(n), uint64(n)<<40, ReasonBody{text(n)})
		}
	}
	got := make(chan struct{})
	go func() { all.Wait(); close(got) }()
	select {
	case <-got:
	case err := <-ended:
		t.Fatal(err)
	}
	why := errors.New("that is all")
	pipes[0].End(why)
	for range pipes {
		if err := <-ended; !errors.Is(err, why) && !strings.Contains(err.Error(), "has closed the link") {
			t.Error(err)
		}
	}
}

// An end that takes nothing is given up before it costs more than it may.
func TestPipeIsFull(t *testing.T) {
	t.Parallel()
	e := join(t, "k", "k", Hello{Purpose: Control, Edge: "e"}, anybody)
	p := NewPipe(e.edge, 32<<20)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(func(Record) error { return nil }) }()
	for range 100 {
		p.Send(Shutdown, 1, 0, ReasonBody{strings.Repeat("x", 1<<20)})
	}
	if err := <-ended; !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}

// What waits in a pipe is paid for, as long as it waits, and one that is not paid for ends.
func TestPipeIsPaidFor(t *testing.T) {
	t.Parallel()
	e := join(t, "k", "k", Hello{Purpose: Control, Edge: "e"}, anybody)
	b := budget.New("links", 32<<20)
	p := NewPipe(e.edge, 64<<20).PaidBy(b)
	const records = 7
	for range records { // nothing is sent before Run
		p.Send(Shutdown, 1, 0, ReasonBody{strings.Repeat("x", 1<<20)})
	}
	if n := b.Used(); n < (records-1)<<20 || n > (records+1)<<20 {
		t.Errorf("%d bytes are paid for", n)
	}
	ended := make(chan error, 2)
	got := make(chan struct{}, 100)
	go func() { ended <- p.Run(func(Record) error { return nil }) }()
	far := NewPipe(e.origin, 1<<20)
	go func() { ended <- far.Run(func(Record) error { got <- struct{}{}; return nil }) }()
	for range records {
		<-got
	}
	servertest.Eventually(t, "nothing is paid for that has gone", func() bool { return b.Used() == 0 })
	p.End(errors.New("that is all"))
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("a pipe has ended without a reason")
		}
	}
	// A quarter of the budget is what one pipe may have.
	q := NewPipe(e.edge, 64<<20).PaidBy(b)
	for range 10 {
		q.Send(Shutdown, 1, 0, ReasonBody{strings.Repeat("x", 1<<20)})
	}
	if err := q.Run(func(Record) error { return nil }); !errors.Is(err, ErrFull) || b.Used() > 0 {
		t.Errorf("%v, and %d bytes are paid for", err, b.Used())
	}
}

// FuzzMessage: what another server sends is a message, which is written as it was read, or
// an error.
func FuzzMessage(f *testing.F) {
	m := rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 1 << 31, Payload: []byte("picture")}
	for _, of := range []Marks{{}, {TookOver: true}, {Cut: stream.Cut{Number: 1 << 40, Epoch: 3, At: time.Unix(1, 2), Target: 4 * time.Second, Key: true}}} {
		f.Add(append(MessageHead(&m, of), m.Payload...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, of, err := ParseMessage(b)
		if err != nil {
			return
		}
		again, same, err := ParseMessage(append(MessageHead(&m, of), m.Payload...))
		if err != nil || again.Type != m.Type || again.Timestamp != m.Timestamp || string(again.Payload) != string(m.Payload) || same != of {
			t.Errorf("%+v %+v, and then %+v %+v: %v", m, of, again, same, err)
		}
	})
}

// FuzzGreeting: whatever somebody says before it has proved anything, it has no key by that.
func FuzzGreeting(f *testing.F) {
	good, err := cbor.Marshal(greeting{Hello: Hello{Purpose: Control, Edge: "e"}, Version: version, Oldest: oldest, Proof: make([]byte, proofSize), More: [][]byte{{1}, nil}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	secret := make([]byte, proofSize)
	if _, err := rand.Read(secret); err != nil {
		f.Fatal(err)
	}
	ours := []proof{{secret, []byte("what its origin answers")}}
	f.Fuzz(func(t *testing.T, b []byte) {
		var g greeting
		if Unmarshal(b, &g) != nil {
			return
		}
		if says := append([][]byte{g.Proof}, g.More...); answer(ours, says) != nil {
			t.Errorf("%d proofs are taken for one of ours", len(says))
		}
	})
}

// FuzzRecord: what another server sends is a record or an error.
func FuzzRecord(f *testing.F) {
	body, err := encoding.Marshal(ConnectBody{Client: Client{ID: "a"}, Application: "app", Query: map[string][]string{"k": {"v"}}, Args: []byte{5}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(appendRecord(nil, &Record{Kind: Connect, Client: 3, ID: 1 << 40}), body...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := parseRecord(append(appendRecord(nil, &r), r.Body...))
		if err != nil || again.Kind != r.Kind || again.Client != r.Client || again.ID != r.ID || string(again.Body) != string(r.Body) {
			t.Errorf("%+v, %+v, %v", r, again, err)
		}
		for _, to := range []any{&ConnectBody{}, &ConnectAnswer{}, &CallBody{}, &PublishAnswer{}, &PlayAnswer{}, &[]TrafficBody{}, &HappenedBody{}, &AnsweredBody{}, &WatchBody{}, &WatchAnswer{}, &LocateAnswer{}, &[]SentBody{}, &StateBody{}} {
			if r.Decode(to) != nil {
				continue
			}
			switch of := to.(type) {
			case *ConnectBody:
				_, _ = of.Session()
			case *ConnectAnswer:
				_ = of.Refusal.Session()
			case *CallBody:
				_, _ = of.Session(session.Client{})
			case *AnsweredBody:
				_, _ = of.Session()
			}
		}
	})
}

// A connection that is silent is alive as long as it says so.
func TestFrames(t *testing.T) {
	t.Parallel()
	e := join(t, "k", "k", Hello{Purpose: Feed, Edge: "e", Token: "x"}, anybody)
	large := strings.Repeat("0123456789", 500_000)
	go func() {
		_ = e.origin.WriteFrame(kindAlive)
		_ = e.origin.WriteFrame(KindMessage, []byte("he"), nil, []byte("ad"))
		_ = e.origin.WriteFrame(kindAlive)
		_ = e.origin.WriteFrame(KindPiece, []byte(large))
		_ = e.origin.Flush()
		e.origin.Close()
	}()
	began := time.Now()
	for _, want := range []struct {
		kind byte
		text string
	}{{KindMessage, "head"}, {KindPiece, large}} {
		kind, b, err := e.edge.ReadFrame()
		if err != nil || kind != want.kind || string(b) != want.text {
			t.Fatalf("%q, %d bytes, %v", kind, len(b), err)
		}
	}
	if _, _, err := e.edge.ReadFrame(); err == nil || time.Since(began) > silence {
		t.Errorf("behind the end: %v", err)
	}
	if err := e.edge.WriteFrame(KindPiece, make([]byte, MaxFrame+1)); err == nil {
		t.Error("a frame that is too large is written")
	}
}

// Numbers of clients come as they went, and take little where they follow one another.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, all := range [][]uint64{nil, {0}, {1}, {7, 5, 6, 1}, {1 << 40, 3, 1<<40 + 1}} {
		b := AppendNumbers(nil, slices.Clone(all))
		var got []uint64
		if err := EachNumber(b, len(all), func(n uint64) { got = append(got, n) }); err != nil {
			t.Error(err)
		}
		slices.Sort(all)
		if !slices.Equal(got, all) {
			t.Errorf("%d became %d", all, got)
		}
	}
	many := make([]uint64, 5000)
	for i := range many {
		many[i] = uint64(1000 + i)
	}
	if b := AppendNumbers(nil, many); len(b) > 8 {
		t.Errorf("%d numbers take %d bytes", len(many), len(b))
	} else if err := EachNumber(b, len(many)-1, func(uint64) {}); !errors.Is(err, ErrFrame) {
		t.Errorf("too many: %v", err)
	}
	if err := EachNumber([]byte{1}, 10, func(uint64) {}); !errors.Is(err, ErrFrame) {
		t.Errorf("half of two: %v", err)
	}
}
