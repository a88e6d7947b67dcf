//go:build clients

package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

const (
	spendingKey = "TheKeyThatStrangersLack"
	// spendingFolder tells the test binary that it is to serve, and where.
	spendingFolder = "FLASHPOD_SPENDING_FOLDER"
	spendingMemory = 1 << 30 // as the operator gives a server
)

// TestSpendingServer is the server of TestSpending, in a process of its own: it
// serves until its standard input ends.
func TestSpendingServer(t *testing.T) {
	dir := os.Getenv(spendingFolder)
	if dir == "" {
		return // it is no such process
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(spendingKey), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe() // a log that nobody reads
	if err != nil {
		t.Fatal(err)
	}
	lines := logs.New(w, logs.Options{})
	log := slog.New(lines.Handler())
	s, stop := runWith(t, Config{Data: dir, PublishKeyFile: key, Log: log, Budgets: budget.For(spendingMemory, 10000, log)}, spendingManifest)
	fmt.Printf("serves %s %s\n", s.RTMPAddr(), s.HTTPAddr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	r.Close() // now its writer ends
	lines.Close(time.Minute)
	w.Close()
}

// child is that process.
type child struct {
	address, http string
	pid           int
}

func spendingServer(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSpendingServer$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), spendingFolder+"="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	c := &child{pid: cmd.Process.Pid}
	for c.address == "" && lines.Scan() {
		if both, ok := strings.CutPrefix(lines.Text(), "serves "); ok {
			c.address, c.http, _ = strings.Cut(both, " ")
		}
	}
	var rest sync.WaitGroup
	rest.Go(func() { _, _ = io.Copy(io.Discard, out) })
	t.Cleanup(func() {
		in.Close()
		rest.Wait()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server's process: %v", err)
		}
	})
	if c.address == "" {
		t.Fatal("the server's process does not serve")
	}
	return c
}

// memory is what the process has resident, in bytes.
func (c *child) memory(t *testing.T) int64 {
	t.Helper()
	fields := c.proc(t, "statm")
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// processor is what it has worked.
func (c *child) processor(t *testing.T) time.Duration {
	t.Helper()
	fields := c.proc(t, "stat")
	var ticks int64
	for _, f := range fields[13:15] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func (c *child) proc(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// watch looks at the memory again and again; stop returns the most that there
// was.
func (c *child) watch(t *testing.T) (stop func() int64) {
	most := c.memory(t)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, c.memory(t))
			case <-end:
				return
			}
		}
	}()
	return func() int64 { close(end); <-done; return max(most, c.memory(t)) }
}

// settles waits until what strangers took is given back.
func (c *child) settles(t *testing.T, to int64) {
	t.Helper()
	servertest.Eventually(t, "what was taken is given back", func() bool { return c.memory(t) <= to })
}

// live is a stream that is published and watched.
type live struct {
	name  string
	stop  context.CancelFunc
	done  chan error // of its publisher
	first chan struct{}

	come atomic.Int64
	late []time.Duration // of each picture; by the player's goroutine, until done
}

// plays notes how late each picture comes: its payload says when it was sent.
func (l *live) plays(in *rtmp.NetStream) {
	in.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeVideo || len(m.Payload) < 13 {
			return nil
		}
		at := time.Unix(0, int64(binary.BigEndian.Uint64(m.Payload[5:])))
		l.late = append(l.late, time.Since(at))
		if l.come.Add(1) == 1 {
			close(l.first)
		}
		return nil
	})
}

// publish sends pictures until it is stopped, and then waits for the last of
// them to be played.
func (l *live) publish(ctx, stopped context.Context, out *rtmp.NetStream) error {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	var sent int64
	for {
		select {
		case <-tick.C:
			payload := make([]byte, 5, 2000)
			payload[0] = 0x12 // of a codec without headers: each picture is a key frame
			payload = binary.BigEndian.AppendUint64(payload, uint64(time.Now().UnixNano()))
			if err := out.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: media.Timestamp(40 * sent), Payload: payload[:cap(payload)]}); err != nil {
				return err
			}
			sent++
		case <-stopped.Done():
			for l.come.Load() < sent {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return fmt.Errorf("%d pictures of %d have come", l.come.Load(), sent)
				}
			}
			return nil
		}
	}
}
