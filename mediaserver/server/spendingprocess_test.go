//go:build clients

package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/logs"
)

const (
	spendingKey = "TheKeyThatStrangersLack"
	// spendingRole tells the test binary that it is one of the processes of
	// TestSpending, and which; spendingArgs what for.
	spendingRole = "FLASHPOD_SPENDING_ROLE"
	spendingArgs = "FLASHPOD_SPENDING_ARGS"
	// spendingMemory is what the operator gives a server.
	spendingMemory = 1 << 30
	// spoken begins each line that a process says: testing says others.
	spoken = "spending: "
)

// roleArgs is what a process is told.
type roleArgs struct {
	Trial        int
	RTMP, HTTP   string
	Web, UDP     string // of pages, and of WebRTC
	TLS          string // of RTMP and pages
	Folder       string // of all data, for the server; of recordings, for strangers
	AllowedFiles int
	Anyone       bool // may publish
}

// TestSpendingProcess is one process of TestSpending, when it is told so.
func TestSpendingProcess(t *testing.T) {
	role := os.Getenv(spendingRole)
	if role == "" {
		return // it is no such process
	}
	var args roleArgs
	if err := json.Unmarshal([]byte(os.Getenv(spendingArgs)), &args); err != nil {
		t.Fatal(err)
	}
	heard := bufio.NewScanner(os.Stdin)
	switch role {
	case "server":
		serveSpending(t, args, heard)
	case "strangers":
		beStrangers(t, args, heard)
		os.Exit(0) // what it has open goes with it
	case "viewer":
		watchSpending(t, args, heard)
		os.Exit(0)
	}
}

// sayWith says a word to the process that has started this one.
func sayWith(word string, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("\n%s%s %s\n", spoken, word, b)
}

// listen waits for a word of the process that has started this one.
func listen(t *testing.T, from *bufio.Scanner, word string) {
	t.Helper()
	if !from.Scan() || from.Text() != word {
		t.Fatalf("%q was said, not %q", from.Text(), word)
	}
}

// process is one that this one has started, and talks to by its pipes.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	said  []string // what it said that is no word
	once  sync.Once
}

// startProcess starts a process with a role, by a command before it if there is
// one. It ends with the test, at the latest.
func startProcess(t *testing.T, role string, args roleArgs, by ...string) *process {
	t.Helper()
	told, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	words := append(by, os.Args[0], "-test.run=^TestSpendingProcess$", "-test.timeout=20m")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), spendingRole+"="+role, spendingArgs+"="+string(told))
	cmd.Stderr = os.Stderr
	p := &process{t: t, cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	t.Cleanup(p.end)
	return p
}

func (p *process) say(word string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, word); err != nil {
		p.t.Fatalf("%v: %s", err, p.said)
	}
}

func (p *process) hear(word string) { p.t.Helper(); p.answer(word, nil) }

// answer waits for a word, and for what is said with it.
func (p *process) answer(word string, value any) {
	p.t.Helper()
	for p.lines.Scan() {
		said, ok := strings.CutPrefix(p.lines.Text(), spoken)
		if !ok {
			p.said = append(p.said, p.lines.Text())
			continue
		}
		first, rest, _ := strings.Cut(said, " ")
		if first != word {
			p.t.Fatalf("the process said %q, not %q", said, word)
		}
		if value == nil {
			return
		}
		if err := json.Unmarshal([]byte(rest), value); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	p.t.Fatalf("the process has not said %q, but %s", word, p.said)
}

// end ends the process, as its standard input ends.
func (p *process) end() {
	p.once.Do(func() {
		p.in.Close()
		for p.lines.Scan() {
			p.said = append(p.said, p.lines.Text())
		}
		if err := p.cmd.Wait(); err != nil {
			p.t.Errorf("a process has ended with %v: %s", err, strings.Join(p.said, "\n"))
		}
	})
}

// serveSpending is the server: it serves until its standard input ends, and gives memory
// back when it is told to.
func serveSpending(t *testing.T, args roleArgs, heard *bufio.Scanner) {
	key := filepath.Join(args.Folder, "key")
	if err := os.WriteFile(key, []byte(spendingKey), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe() // a log that nobody reads
	if err != nil {
		t.Fatal(err)
	}
	lines := logs.New(w, logs.Options{})
	log := slog.New(lines.Handler())
	files := budget.For(spendingMemory, 10000, log)
	mode := "Key"
	if args.Anyone {
		mode = "Anyone"
	}
	manifest := fmt.Sprintf("{application: app, instance: one, onDemandInstances: true, access: {publish: {mode: %s}}, limits: {maxStreams: 6, maxConnectionsPerAddress: 200}, recording: {mode: OnRequest, maxFiles: %d}}", mode, args.AllowedFiles)
	cert, private := writePair(t, t.TempDir(), "one.example", time.Now())
	s, stop := runWith(t, Config{
		WebAddress: anyAddress, RTMPSAddress: anyAddress, TLSCertFile: cert, TLSKeyFile: private, Data: args.Folder, PublishKeyFile: key, Log: log, Budgets: files, DebugAddress: os.Getenv("FLASHPOD_SPENDING_DEBUG"),
	}, manifest)
	sayWith("serves", serves{
		s.RTMPAddr().String(), s.HTTPAddr().String(), s.WebAddr().String(), s.WebRTCAddr().String(), s.RTMPSAddr().String(), s.Served()[0].Streams,
	})
	for heard.Scan() {
		debug.FreeOSMemory()
		sayWith("collected", nil)
	}
	stop()
	r.Close() // now its writer ends
	lines.Close(time.Minute)
	w.Close()
}

// serves is where a server is.
type serves struct{ RTMP, HTTP, Web, UDP, TLS, Streams string }

// child is that process.
type child struct {
	*process
	at     serves
	folder string // of recordings
}

// spendingServer starts a server that keeps so many files, and a hundred, and lets
// anyone publish or those with the key.
func spendingServer(t *testing.T, files int, anyone bool) *child {
	t.Helper()
	// As serve has it: see mediaserver/main.go and budget.Memory.
	p := startProcess(t, "server", roleArgs{Folder: t.TempDir(), AllowedFiles: files + 100, Anyone: anyone}, "env", "GOGC=50", fmt.Sprintf("GOMEMLIMIT=%d", spendingMemory/10*9))
	var at serves
	p.answer("serves", &at)
	if err := os.MkdirAll(at.Streams, 0o755); err != nil {
		t.Fatal(err)
	}
	return &child{process: p, at: at, folder: at.Streams}
}

// memory is what the process has in memory of its own, in bytes: code that was
// read from its file does not count.
func (c *child) memory(t *testing.T) int64 {
	t.Helper()
	for line := range strings.Lines(c.proc(t, "status")) {
		if kb, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("the kernel does not say RssAnon")
	return 0
}

// processor is what it has worked.
func (c *child) processor(t *testing.T) time.Duration {
	t.Helper()
	fields := strings.Fields(c.proc(t, "stat"))
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

// starved is how long its threads could have worked, and others did: 0 where the kernel
// does not say.
func (c *child) starved(t *testing.T) (sum time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range threads {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var worked, waited time.Duration // in ns
		if _, err := fmt.Sscan(string(b), &worked, &waited); err != nil {
			t.Fatalf("%s says %q: %v", file, b, err)
		}
		sum += waited
	}
	return sum
}

func (c *child) proc(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.cmd.Process.Pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
