package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// objects are the lines of a log of JSON.
func (l *lines) objects(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

const atOnce = 10 * time.Second // more than any disk or machine takes

// The handler is one that log/slog's own tests are content with.
func TestHandler(t *testing.T) {
	t.Parallel()
	var out lines
	var l *Log
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out = lines{}
		l = New(&out, Options{JSON: true})
		return l.Handler()
	}, func(t *testing.T) map[string]any {
		l.Close(atOnce)
		return out.objects(t)[0]
	})
}

type word struct{ s string }

func (w *word) String() string { return w.s }

// Nothing of a stranger is longer than a line can bear, however it is logged, and
// no key is in it.
func TestValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 1<<20) + "?key=SECRET"
	for name, v := range map[string]any{
		"string":            long,
		"error":             errors.New(long),
		"wrapped error":     fmt.Errorf("open %s: %w", long, io.EOF),
		"Stringer":          &word{long},
		"nil Stringer":      (*word)(nil),
		"bytes":             []byte(long),
		"list":              []string{"avc1", long, long},
		"long list":         strings.Split(long, " ")[:100000],
		"any list":          []any{long, long, 1, nil, []any{long}},
		"map":               map[string]any{long: long},
		"struct":            struct{ A, B, c string }{long, long, long},
		"pointer":           &struct{ deep *[]string }{&[]string{long}},
		"group":             slog.GroupValue(slog.String("a", long), slog.Any("b", errors.New(long))),
		"key":               "rec.flv/x?key=SECRET",
		"error with a key":  errors.New("open rec.flv/x?x=1&key=SECRET"),
		"list with a key":   []string{"a;key=SECRET"},
		"struct with a key": struct{ name string }{"a%3Fkey=SECRET"},
		"control":           "a\x1b[2J\u009b2J\u202egnp.exe\u2066\n\ufeff\U000e0041 level=ERROR",
	} {
		for _, asJSON := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s json=%v", name, asJSON), func(t *testing.T) {
				t.Parallel()
				var out lines
				l := New(&out, Options{JSON: asJSON})
				log := slog.New(l.Handler())
				log.Error("one", "v", v)
				log.With("v", v).Error("two")
				log.WithGroup("g").Error("three", "v", v)
				l.Close(atOnce)
				said := out.String()
				if n := strings.Count(said, "\n"); n != 3 || !utf8.ValidString(said) {
					t.Errorf("%d lines:\n%.2000s", n, said)
				}
				for line := range strings.Lines(said) {
					if n := utf8.RuneCountInString(line); n > 3*MaxValue {
						t.Errorf("a line of %d characters: %.2000s", n, line)
					}
				}
				if strings.Contains(said, "SECRET") {
					t.Errorf("the log has the key:\n%s", said)
				}
				if strings.ContainsAny(said, "\x1b\u009b\u202e\u2066\ufeff\U000e0041") {
					t.Errorf("the log has characters that a terminal obeys: %q", said)
				}
				if asJSON {
					out.objects(t)
				}
			})
		}
	}
}

// A value that is in order is written as log/slog writes it.
func TestLinesAreAsBefore(t *testing.T) {
	t.Parallel()
	write := func(log *slog.Logger) {
		log = log.With("client", "abc", "address", "192.0.2.1:5").WithGroup("g").With("n", 1)
		log.Info("connected", "agent", `LNX "9,0"`, "took", time.Second, "err", io.EOF, "codecs", []string{"avc1", "hvc1"}, "caps", uint32(3),
			"none", nil, "names", "größe 📷", "at", time.Unix(0, 0).UTC())
	}
	for _, asJSON := range []bool{true, false} {
		var want bytes.Buffer
		opts := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}
		if asJSON {
			write(slog.New(slog.NewJSONHandler(&want, opts)))
		} else {
			write(slog.New(slog.NewTextHandler(&want, opts)))
		}
		var out lines
		l := New(&out, Options{JSON: asJSON})
		write(slog.New(l.Handler()))
		l.Close(atOnce)
		got := out.String()
		if _, rest, ok := strings.Cut(got, ","); asJSON && ok {
			got = "{" + rest
		} else if _, rest, ok := strings.Cut(got, " "); ok {
			got = rest
		}
		if got != want.String() {
			t.Errorf("%s\nwant\n%s", got, &want)
		}
	}
}

// What is below the level costs nothing.
func TestDisabledLevel(t *testing.T) {
	l := New(io.Discard, Options{})
	defer l.Close(atOnce)
	log := slog.New(l.Handler())
	if n := testing.AllocsPerRun(100, func() { log.Debug("nothing") }); n != 0 {
		t.Errorf("a line that is not written costs %v allocations", n)
	}
}

// gate is a log that nobody reads until it is opened.
type gate struct {
	lines
	open chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.lines.Write(b)
}

// Nobody waits for a log that is not read. What does not fit is counted and told;
// errors of the server's own have room when strangers' lines have none.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := New(g, Options{JSON: true, Queue: 64 << 10})
		log := slog.New(l.Handler())
		const each, owns = 40, 20
		for n := range 100 {
			stranger := log.With("address", fmt.Sprintf("192.0.2.%d:1", n))
			for range each {
				stranger.Error("strange")
			}
		}
		for range owns { // more than fits behind the last of a stranger's
			log.Error("own")
		}
		lost := l.LeftOut()[LeftOutFull]
		if lost == 0 || lost > 99*each {
			t.Errorf("%d lines were left out", lost)
		}
		close(g.open)
		synctest.Wait()
		log.Info("after")
		l.Close(0)
		synctest.Wait()
		kinds, told := map[any]uint64{}, 0.0
		for _, o := range g.objects(t) {
			kinds[o["msg"]]++
			if n, ok := o["lines"].(float64); ok {
				told += n
			}
		}
		if kinds["strange"] != 100*each-lost || kinds["own"] != owns || kinds["after"] != 1 || uint64(told) != lost {
			t.Errorf("%v, %d were left out, %v told", kinds, lost, told)
		}
	})
}

// A log that cannot be written to keeps nobody busy.
func TestLogIsGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	l := New(w, Options{})
	slog.New(l.Handler()).Info("one")
	l.Close(atOnce)
	w.Close()
	if n := l.LeftOut()[LeftOutFull]; n == 0 {
		t.Error("a line that was not written does not count")
	}
}

// What is logged is written when Flush returns.
func TestFlush(t *testing.T) {
	t.Parallel()
	var out lines
	l := New(&out, Options{})
	defer l.Close(atOnce)
	for n := range 100 {
		slog.New(l.Handler()).Info("one", "n", n)
		l.Flush(atOnce)
		if got := strings.Count(out.String(), "\n"); got != n+1 {
			t.Fatalf("%d lines are written of %d", got, n+1)
		}
	}
}

// Close does not wait longer than it may, and what is logged later is left out.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := New(g, Options{})
		slog.New(l.Handler()).Info("one")
		started := time.Now()
		l.Flush(time.Second / 2)
		l.Close(time.Second / 2)
		if took := time.Since(started); took != time.Second {
			t.Errorf("it took %v", took)
		}
		slog.New(l.Handler()).Info("two")
		close(g.open)
		synctest.Wait()
		if said := g.String(); strings.Contains(said, "two") || !strings.Contains(said, "one") || l.LeftOut()[LeftOutFull] != 1 {
			t.Errorf("%s; %v", said, l.LeftOut())
		}
	})
}

// One address says the same so often and no more; others are heard, and so is
// whatever else it says. The rest is summed up.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := New(&out, Options{JSON: true})
		log := slog.New(l.Handler())
		for second := range 10 {
			for n := range 4000 {
				log.Warn("handshake failed", "address", fmt.Sprintf("192.0.2.1:%d", n), "err", io.EOF)
			}
			log.With("address", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: second}).Warn("handshake failed")
			log.Info("connected", "address", "192.0.2.1:5")
			<-time.After(time.Second)
		}
		<-time.After(summaryEvery)
		synctest.Wait()
		l.Close(0)
		synctest.Wait()
		told, others, connected, summed := 0, 0, 0, 0.0
		for _, o := range out.objects(t) {
			switch {
			case o["msg"] == "handshake failed" && o["address"] == "192.0.2.1:0", o["msg"] == "handshake failed" && o["err"] != nil:
				told++
			case o["msg"] == "handshake failed":
				others++
			case o["msg"] == "connected":
				connected++
			case o["like"] == "handshake failed" && o["address"] == "192.0.2.1" && o["level"] == "WARN":
				summed += o["lines"].(float64)
			default:
				t.Errorf("%v", o)
			}
		}
		if told > burst+10*perSecond || told < burst || others != 10 || connected != 10 || told+int(summed) != 40000 {
			t.Errorf("%d were told, %v summed up, %d of another, %d connected", told, summed, others, connected)
		}
		if n := l.LeftOut()[LeftOutLike]; n != uint64(summed) {
			t.Errorf("%d are counted, %v told", n, summed)
		}
	})
}

// Addresses without number, and words without number, take a bounded memory and
// a bounded log.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := New(&out, Options{JSON: true, Queue: 64 << 20})
		log := slog.New(l.Handler())
		const all = 100000
		for n := range all {
			log.Warn("handshake failed", "address", fmt.Sprintf("[2001:db8:%x:%x::1]:5", n>>16, n&0xffff))
		}
		if n := len(l.pace.kinds); n > maxKinds+1 {
			t.Errorf("%d kinds are remembered", n)
		}
		<-time.After(time.Hour) // they are quiet
		for n := range maxKinds {
			log.Warn(fmt.Sprintf("words %d", n))
		}
		if n := len(l.pace.kinds); n > maxKinds+1 {
			t.Errorf("%d kinds are remembered, later", n)
		}
		l.Close(0)
		synctest.Wait()
		told := strings.Count(out.String(), `"msg":"handshake failed"`)
		if told > maxKinds+ownBurst || strings.Count(out.String(), `"msg":"words`) != maxKinds {
			t.Errorf("%d lines were written of addresses", told)
		}
		left := 0.0
		for _, o := range out.objects(t) {
			if n, ok := o["lines"].(float64); ok {
				left += n
			}
		}
		if told+int(left) != all {
			t.Errorf("%d are told and %v summed up, of %d", told, left, all)
		}
	})
}

// Whoever has a network of IPv6 addresses is one party.
func TestNetworks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1:5":             "192.0.2.1",
		"[::ffff:192.0.2.1]:5":    "192.0.2.1",
		"[2001:db8::1:2:3:4]:5":   "2001:db8::/64",
		"[fe80::1%eth0]:5":        "fe80::/64",
		"pipe":                    "pipe",
		"":                        "",
		"host:5":                  "host",
		strings.Repeat("x", 1000): strings.Repeat("x", maxKind-1) + "…",
	} {
		if got := network(in); got != want {
			t.Errorf("%.100s is of %q, want %q", in, got, want)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	l := New(io.Discard, Options{JSON: true})
	defer l.Close(atOnce)
	log := slog.New(l.Handler()).With("client", "abcdefgh", "address", "192.0.2.1:5")
	b.ReportAllocs()
	for b.Loop() {
		log.Info("playing", "stream", "cam", "recorded", false)
	}
}
