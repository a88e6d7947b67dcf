package debug

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	rpprof "runtime/pprof"
	"text/tabwriter"
	"time"
)

// Behind is a worker of the server that takes tasks from a queue, and how far
// behind it is.
type Behind struct {
	Who    string        // such as "owner of chatRoom/lobby"
	Queue  int           // tasks that wait
	Oldest time.Duration // how long the first of them has; 0: none waits
	Turn   time.Duration // how long the turn that runs has taken; 0: none runs, or nobody knows
}

// Source is the running server. It answers at once, whatever its workers wait
// for.
type Source interface {
	// Behind has one entry per worker, in an order that stays.
	Behind() []Behind
}

// Handler serves:
//
//	/debug/behind      how far behind each worker is
//	/debug/goroutines  what each goroutine is doing
//	/debug/pprof/      profiles, for go tool pprof
//	/                  a list of the above
func Handler(src Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/behind", func(w http.ResponseWriter, _ *http.Request) {
		plain(w)
		write(w, src.Behind())
	})
	mux.HandleFunc("GET /debug/goroutines", func(w http.ResponseWriter, _ *http.Request) {
		plain(w)
		_ = rpprof.Lookup("goroutine").WriteTo(w, 2) // who asked has gone
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		plain(w)
		fmt.Fprint(w, "/debug/behind      how far behind each worker is\n"+
			"/debug/goroutines  what each goroutine is doing\n"+
			"/debug/pprof/      profiles, for go tool pprof\n")
	})
	return mux
}

func plain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
}

func write(out io.Writer, all []Behind) {
	fmt.Fprintf(out, "%d goroutines\n\n", runtime.NumGoroutine())
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "queue\toldest\tturn\t  worker")
	for _, b := range all {
		fmt.Fprintf(t, "%d\t%s\t%s\t  %s\n", b.Queue, rounded(b.Oldest), rounded(b.Turn), b.Who)
	}
	_ = t.Flush() // who asked has gone
}

func rounded(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(time.Microsecond).String()
}

// Listen opens an address, which is to be a loopback one.
func Listen(address string) (net.Listener, error) {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !a.IP.IsLoopback() {
		return nil, fmt.Errorf("%q can be reached from other machines, who could read this one's memory: name a loopback address, such as 127.0.0.1:6060", address)
	}
	return net.ListenTCP("tcp", a)
}
