package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// program is a server in a process of its own.
type program struct {
	*exec.Cmd
	url   string // of app/one
	ended chan struct{}
}

func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.Command(os.Args[0], append(args, "--log-format", "json")...), ended: make(chan struct{})}
	p.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	log, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); <-p.ended })
	lines := bufio.NewScanner(log)
	var last string
	for p.url == "" && lines.Scan() {
		var said struct{ Msg, RTMP string }
		last = lines.Text()
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Msg == "ready" {
			p.url = "rtmp://" + said.RTMP + "/app/one"
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, log)
		_ = p.Wait()
		close(p.ended)
	}()
	if p.url == "" {
		t.Fatalf("the server did not start: %s", last)
	}
	return p
}

func (p *program) end(t *testing.T, with os.Signal) {
	t.Helper()
	if err := p.Process.Signal(with); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(servertest.Patience):
		t.Fatal("the server did not end")
	}
}

func (p *program) interrupt(t *testing.T) { t.Helper(); p.end(t, os.Interrupt) }

// A server that is killed at any moment loses no change of a persistent object
// that was acknowledged more than a second ago, corrupts none, and the next says no
// version again that it has told.
// FLASHPOD_OBJECT_KILLS says how often to kill (10), FLASHPOD_KILL_SEED repeats
// the moments of a run that failed.
func TestSharedObjectsOutliveAKill(t *testing.T) {
	t.Parallel()
	kills, seed := setting(t, "FLASHPOD_OBJECT_KILLS", 10), setting(t, "FLASHPOD_KILL_SEED", time.Now().UnixNano())
	t.Logf("FLASHPOD_KILL_SEED=%d FLASHPOD_OBJECT_KILLS=%d", seed, kills)
	dir := t.TempDir()
	doc := filepath.Join(dir, "one.yaml")
	if err := os.WriteFile(doc, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: {application: app}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	d := diary{told: map[string]uint32{}}
	for range kills {
		p := startProgram(t, "serve", "-f", doc, "--data", filepath.Join(dir, "data"), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
		nc, err := rtmp.Connect(t.Context(), p.url+"/-", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		d.look(t, nc)
		ctx, stop := context.WithTimeout(t.Context(), time.Duration(1000+random.IntN(2000))*time.Millisecond)
		slowest := slowestWrite(ctx, filepath.Join(dir, "probe"))
		d.write(ctx, nc)
		stop()
		d.killed = time.Now()
		d.within = time.Second + writesInTurn*<-slowest
		p.end(t, syscall.SIGKILL)
		nc.Close()
	}
	p := startProgram(t, "serve", "-f", doc, "--data", filepath.Join(dir, "data"), "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	nc, err := rtmp.Connect(t.Context(), p.url+"/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	d.look(t, nc)
	p.interrupt(t)
	if d.count == 0 || d.safe == 0 {
		t.Errorf("%d changes, %d of which were safe: nothing was tested", d.count, d.safe)
	}
	t.Logf("%d changes of %d objects; %d changes of the last second were lost", d.count, diaryObjects, d.lost)
}

const (
	diaryObjects = 5
	// writesInTurn is how many writes of files may stand between a change and its file,
	// with those of the other objects and of versions before it.
	writesInTurn = 10
)

// slowestWrite writes a file over and over until ctx ends, each time as the server
// writes an object, and then says how long the slowest took: milliseconds on a disk
// that is well, and as long as everybody waits on one that is not.
func slowestWrite(ctx context.Context, path string) <-chan time.Duration {
	told := make(chan time.Duration, 1)
	go func() {
		var slowest time.Duration
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			began := time.Now()
			if f, err := os.Create(path + ".new"); err == nil {
				_, _ = f.WriteString("probe")
				_ = f.Sync()
				_ = f.Close()
				_ = os.Rename(path+".new", path)
			}
			slowest = max(slowest, time.Since(began))
			<-again.C
		}
		told <- slowest
	}()
	return told
}

// diary is what was acknowledged, and when. Change n goes to object n modulo
// their number, slot n modulo 7, and is n with some text.
type diary struct {
	count  int
	acks   []time.Time // of changes
	killed time.Time
	within time.Duration     // how old a change may be that the kill has lost
	told   map[string]uint32 // the last version of each object
	safe   int
	lost   int
}

func place(n int) (object, slot string) {
	return fmt.Sprintf("diary/%d", n%diaryObjects), fmt.Sprint("slot ", n%7)
}

func (d *diary) write(ctx context.Context, nc *rtmp.NetConnection) {
	objects := map[string]*rtmp.SharedObject{}
	for {
		name, slot := place(d.count)
		o := objects[name]
		if o == nil {
			o = nc.SharedObject(name, true)
			if o.Use(ctx) != nil {
				return
			}
			objects[name] = o
		}
		if o.Set(ctx, slot, fmt.Sprint(d.count, " ", strings.Repeat("x", d.count%3000))) != nil {
			return
		}
		d.acks = append(d.acks, time.Now())
		d.told[name] = o.Version()
		d.count++
	}
}

// look compares what a server has with what the one before has acknowledged.
func (d *diary) look(t *testing.T, nc *rtmp.NetConnection) {
	t.Helper()
	for object := range diaryObjects {
		name, _ := place(object)
		o := nc.SharedObject(name, true)
		if err := o.Use(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if told, is := d.told[name], o.Version(); is <= told {
			t.Errorf("%s is of version %d again, and %d was told before the kill", name, is, told)
		}
		has := map[string]int{}
		for slot, v := range o.Slots() {
			text, _ := v.(string)
			number, rest, _ := strings.Cut(text, " ")
			n, err := strconv.Atoi(number)
			if at, in := place(n); err != nil || at != name || in != slot || len(rest) != n%3000 {
				t.Fatalf("%s, %s has %.50q", name, slot, text)
			}
			has[slot] = n
		}
		d.compare(t, name, has)
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// compare looks for the newest change of each slot that was acknowledged a second
// before the kill, or as long as writes took then: it must be there, or a later one.
func (d *diary) compare(t *testing.T, name string, has map[string]int) {
	t.Helper()
	found := map[string]bool{}
	for n := d.count - 1; n >= 0 && len(found) < 7; n-- {
		at, slot := place(n)
		if at != name || found[slot] {
			continue
		}
		age := d.killed.Sub(d.acks[n])
		got, ok := has[slot]
		switch {
		case age <= d.within && (!ok || got < n):
			d.lost++
			continue
		case age <= d.within:
			continue
		case !ok || got < n:
			t.Errorf("change %d of %s, %s was acknowledged %v before the kill, and is lost: it has %d", n, name, slot, age, got)
		default:
			d.safe++
		}
		found[slot] = true
	}
}

func setting(t *testing.T, name string, without int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
