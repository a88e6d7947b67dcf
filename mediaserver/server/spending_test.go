//go:build clients

package server

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

var updateSpending = flag.Bool("update-spending", false, "write SPENDING.md from what ran")

// trial is a stranger who tries to make a server spend. It has no key.
type trial struct {
	name string // what is sent, in the table's words
	// bound is what the server spends at most, and notices is what others see of
	// it, in the table's words.
	bound, notices string
	memory         int64 // bytes that it may take, with garbage
	// send plays the stranger until all is sent, and says what the server did
	// with it. What it opens with stranger's methods is held until the trial ends.
	send func(t *testing.T, s *stranger)
}

// spendingManifest has a key, and room for two publishers. The strangers come from
// an address of their own.
const spendingManifest = "{application: app, instance: one, limits: {maxStreams: 3, maxConnectionsPerAddress: 200}}"

// TestSpending plays the strangers against a server of its own process, one
// trial after another and all at once, while a live stream is watched beside
// them, and compares what it cost with the bounds, and those with SPENDING.md.
// With -update-spending it writes the table.
func TestSpending(t *testing.T) {
	trials := append(spendingTrials(), outerTrials()...)
	trials = append(trials, together(trials))
	rows := make([]spent, len(trials))
	for n, one := range trials {
		t.Run(one.name, func(t *testing.T) { rows[n] = one.run(t) })
	}
	if t.Failed() {
		return
	}
	const file = "../SPENDING.md"
	got := spendingTable(trials, rows)
	if *updateSpending {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if without(string(want)) != without(got) && !slices.ContainsFunc(rows, func(s spent) bool { return s.took == 0 }) {
		t.Errorf("%s does not say what was tried (make spending-table writes it):\n%s", file, got)
	}
}

// together is all trials at once.
func together(all []trial) trial {
	var sum int64
	for _, one := range all {
		sum = max(sum, one.memory)
	}
	return trial{
		name: "All of these at once.", bound: "the sum of the budgets", notices: "the same", memory: max(sum, 256<<20),
		send: func(t *testing.T, s *stranger) {
			s.crowded = true
			for _, one := range all {
				s.beside.Go(func() { one.send(t, s) })
			}
			s.beside.Wait()
		},
	}
}

// spent is what a trial came to.
type spent struct {
	sent      uint64 // bytes
	memory    int64  // bytes that the server had more at the most
	processor time.Duration
	took      time.Duration
	median    time.Duration // of live pictures, from encoder to player
	p99       time.Duration
	publisher time.Duration // until another publisher with the key was let in
}

func (one trial) run(t *testing.T) spent {
	server := spendingServer(t)
	live := beside(t, server, "live")
	before := server.memory(t)
	stop := server.watch(t)
	s := &stranger{server: server}
	started, worked := time.Now(), server.processor(t)
	one.send(t, s)
	came := time.Now()
	late := beside(t, server, "late")
	in := time.Since(came)
	out := spent{
		sent: s.sent.Load(), memory: stop() - before, processor: server.processor(t) - worked,
		took: time.Since(started), publisher: in,
	}
	late.end(t)
	s.leave()
	out.median, out.p99 = live.end(t)
	t.Logf("%d bytes sent, %d MB taken, %v of a processor in %v, pictures after %v (p99 %v), a publisher let in after %v",
		out.sent, out.memory>>20, out.processor, out.took.Round(time.Millisecond), out.median, out.p99, in.Round(time.Millisecond))
	if out.memory > one.memory {
		t.Errorf("the server took %d MB, %d at most", out.memory>>20, one.memory>>20)
	}
	server.settles(t, before+64<<20)
	return out
}

// end stops a live stream that is watched, of which nothing may be lost.
func (l *live) end(t *testing.T) (median, p99 time.Duration) {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Errorf("stream %s: %v", l.name, err)
	}
	slices.Sort(l.late)
	if len(l.late) == 0 {
		t.Errorf("stream %s: no picture came", l.name)
		return 0, 0
	}
	return l.late[len(l.late)/2], l.late[len(l.late)*99/100]
}

// beside publishes a stream with the key, 25 pictures a second, and plays it.
func beside(t *testing.T, server *child, name string) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	l := &live{name: name, done: make(chan error, 1), first: make(chan struct{})}
	connect := func() *rtmp.NetStream {
		c, err := rtmp.Connect(ctx, "rtmp://"+server.address+"/app/one/"+name, rtmp.Config{})
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		t.Cleanup(func() { c.Close() })
		s, err := c.CreateStream(ctx)
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		return s
	}
	out, in := connect(), connect()
	if err := out.Publish(ctx, name+"?key="+spendingKey, "live"); err != nil {
		t.Fatalf("publish %s: %v", name, err)
	}
	l.plays(in)
	if err := in.Play(ctx, name, rtmp.PlayLive); err != nil {
		t.Fatalf("play %s: %v", name, err)
	}
	var stopped context.Context
	stopped, l.stop = context.WithCancel(ctx)
	go func() { l.done <- l.publish(ctx, stopped, out) }()
	select {
	case <-l.first:
	case <-ctx.Done():
		t.Fatalf("stream %s: no picture came", name)
	}
	return l
}

// spendingTable writes the table.
func spendingTable(trials []trial, rows []spent) string {
	var b strings.Builder
	b.WriteString(`# Spending

What a stranger, who has no publish key, can make a server spend, and what others notice of it. ` + "`go test -tags clients -run TestSpending ./mediaserver/server`" + ` plays
each stranger against a server of its own with a live stream of 25 pictures a second beside it, and fails when it takes more memory than
the bound, when its viewer loses a picture, or when another publisher with the key is not let in. Figures are those of the run that wrote the
table (` + "`-update-spending`" + `), and no part of what is compared. The budgets are those of [` + "`budget`" + `](budget): each is a metric,
flashpod_budget_used, and flashpod_budget_refused_total counts who found it used up.

| what is sent | the bound | what others notice | sent | memory | processor | live pictures: median, p99 | a publisher gets in |
|---|---|---|---|---|---|---|---|
`)
	for n, one := range trials {
		r := rows[n]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %v of %v | %v, %v | after %v |\n", one.name, one.bound, one.notices,
			size(int64(r.sent)), size(r.memory), r.processor.Round(10*time.Millisecond), r.took.Round(10*time.Millisecond),
			r.median.Round(100*time.Microsecond), r.p99.Round(100*time.Microsecond), r.publisher.Round(time.Millisecond))
	}
	return b.String()
}

func size(n int64) string {
	switch {
	case n < 0:
		return "none"
	case n < 1<<20:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// without is the table without its figures.
func without(table string) string {
	var out []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 4 {
			line = strings.Join(cells[:4], "|")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// dialFrom connects from an address of this machine.
func dialFrom(address, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
	return d.Dial("tcp", to)
}
