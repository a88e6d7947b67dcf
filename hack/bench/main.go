package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// row is one line of the table.
type row struct {
	name string
	what string
	run  func(*bench) ([]result, error)
}

// rows in the order in which they run and are printed.
var rows = []row{
	{"fanout", "3,000 players, latency Throughput: CPU per MB against the floor", fanoutRow},
	{"many", "9,000 players on one core: every byte, nobody dropped, memory a player", manyRow},
	{"balanced", "500 players at the default: added latency, CPU per MB against nginx-rtmp", balancedRow},
	{"audience", "latency and round interval as the audience grows", audienceRow},
	{"tls", "1,000 players by TLS, and viewers by HTTPS and HTTP/2, against as many plain ones", tlsRow},
	{"web", "3,000 viewers by HTTP-FLV and in WebSockets against as many RTMP players, and every byte", webRow},
	{"hls", "400 viewers of low-latency HLS, and as many RTMP players", hlsRow},
	{"glass", "pages in Chromium: the age of a picture from the studio to each way of watching, calls and changes a second", glassRow},
	{"cores", "two cores against one", coresRow},
	{"record", "recording a stream against not recording it", recordRow},
	{"vod", "1,000 players of one recorded file, each elsewhere in it", vodRow},
	{"connect", "new players a second a core", connectRow},
	{"idle", "a server that nobody uses", idleRow},
	{"ingest", "200 publishers on one core", ingestRow},
	{"calls", "clients' calls that a script answers", callsRow},
	{"objects", "1,000 clients of one shared object: changes a second and core, and how late the last hears", objectsRow},
	{"edgeobjects", "what a change of a shared object costs an origin, with 1 and 250 clients at each of 4 edges", edgeObjectsRow},
	{"chat", "what a chat of 1,000 does to a stream of 1,000 in the same process", chatRow},
	{"instances", "instances with a script: what an idle one takes, and how soon a new one answers", instancesRow},
	{"edges", "an edge's latency and audience, and what it and its clients take of the origin", edgesRow},
	{"tree", "an origin, two middle edges, four leaves and 4,000 players, against what hack/model computes", treeRow},
	{"growth", "CPU and memory against players and against streams", growthRow},
	{"applications", "calls, shared objects and instances, as they grow", applicationsRow},
}

// bench is what a row may use.
type bench struct {
	binary  string        // flashpod
	window  time.Duration // of one measurement
	scale   float64       // of audiences, for a quick look
	dir     string        // temporary
	results string        // folder for the tables and the picture of growth; empty: none are written
}

// players scales the number of players of a row.
func (b *bench) players(n int) int { return max(1, int(float64(n)*b.scale)) }

// The cores that the two sides are pinned to.
const (
	serverCore = 0
	loadCore   = 1
)

const introduction = `bench measures bin/flashpod against the kernel's own floor; hack/bench/README.md says how to read it.

usage: bench [flags]

`

func main() {
	if len(os.Args) > 1 && os.Args[1] == "floor" {
		exit(floorMain(os.Args[2:]))
	}
	var b bench
	chosen := flag.String("rows", "", "rows to measure, separated by commas (default: all)")
	flag.StringVar(&b.binary, "server", "bin/flashpod", "the program to measure")
	flag.DurationVar(&b.window, "window", 8*time.Second, "length of one measurement")
	flag.Float64Var(&b.scale, "scale", 1, "of every audience: 0.1 for a quick look, whose figures mean little")
	flag.StringVar(&b.results, "results", "", "folder to write the tables and pictures of growth and applications to (default: they are only printed)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), introduction)
		flag.PrintDefaults()
		fmt.Fprint(flag.CommandLine.Output(), "\nrows:\n")
		for _, r := range rows {
			fmt.Fprintf(flag.CommandLine.Output(), "  %-12s %s\n", r.name, r.what)
		}
	}
	flag.Parse()
	selected, err := selectRows(*chosen)
	if err != nil {
		exit(err)
	}
	exit(b.run(selected))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// selectRows takes a list of names; an empty one means all.
func selectRows(list string) ([]row, error) {
	if list == "" {
		return rows, nil
	}
	var out []row
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("no row %q: bench --help lists them", name)
		}
		out = append(out, rows[i])
	}
	return out, nil
}

func (b *bench) run(selected []row) error {
	if runtime.NumCPU() < 2 && os.Getenv(pinnedMark) == "" {
		return errors.New("needs two cores: one for the server, one for its clients")
	}
	if err := pinSelf(loadCore); err != nil {
		return err
	}
	// More threads than cores: the kernel shares the core between loader,
	// publisher and probes better than Go's scheduler would.
	runtime.GOMAXPROCS(6)
	if _, err := exec.LookPath(b.binary); err != nil {
		return fmt.Errorf("no program to measure: %w (`make bin/flashpod` builds it)", err)
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "flashpod-bench-"); err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(b.dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench: clean up:", err)
		}
	}()
	fmt.Printf("server on core %d, clients on core %d, windows of %v; compare rows of one run only\n\n", serverCore, loadCore, b.window)
	var all []result
	failed := false
	for _, r := range selected {
		started := time.Now()
		got, err := r.run(b)
		if err != nil {
			failed = true
			got = append(got, result{row: r.name, what: r.what, figure: "not measured: " + err.Error()})
		}
		for i := range got {
			got[i].row = r.name
			fmt.Println(got[i].line())
		}
		fmt.Printf("%-12s took %v\n\n", r.name, time.Since(started).Round(time.Second))
		all = append(all, got...)
	}
	if len(selected) > 1 {
		fmt.Print(table(all))
	}
	if failed {
		return errors.New("some rows could not be measured")
	}
	return nil
}

// raiseFiles lets this process and its children open as many sockets as the
// system allows.
func raiseFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	const need = 9500
	if limit.Max < need {
		return fmt.Errorf("the limit of open files is %d, and %d are needed: raise it with `ulimit -Hn`", limit.Max, need)
	}
	return nil
}
