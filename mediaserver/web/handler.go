package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/instance"
)

// Source is the running server, as far as HTTP shows it.
type Source interface {
	// Ready returns nil when clients are welcome, else the reason why not.
	Ready() error
	// Stats has one entry per instance.
	Stats() []instance.Stats
	// Refused counts connections that never became clients, by reason.
	Refused() map[string]uint64
	// LeftOut counts lines that are not in the log, by reason.
	LeftOut() map[string]uint64
	// Budgets are those that clients spend of.
	Budgets() []*budget.Budget
	// Waiting is how many connections wait for their turn.
	Waiting() int
	// Direct is how many connections clients have to this server itself, now.
	Direct() int64
	// Recordings has one entry per instance. The caller may change the slice.
	Recordings() []catalogue.Shelf
	// Instances has one entry for each instance that runs. The caller may change the
	// slice.
	Instances() []Running
	// ScriptErrors are the last errors of scripts, so many at most.
	ScriptErrors(limit int) ScriptReport
	// Held is which instances on demand have something on the disk, so many at most.
	Held(ctx context.Context, limit int) (Held, error)
	// Origin is how the links of an edge to its origin are; false where it is none.
	Origin() (Origin, bool)
	// Certificate is what RTMPS clients are shown; false where there is no
	// RTMPS.
	Certificate() (Certificate, bool)
	// Edge is what the server is as an edge, or as a gateway; false where it is neither. It is asked at every
	// scrape.
	Edge() (Edge, bool)
}

// Origin is how the links of an edge to its origin are.
type Origin struct {
	Links, Linked int       // instances; those whose link is there
	Since         time.Time // when the first of the others was lost; zero: none is
}

// warning is what who asks whether an edge is ready hears besides; "": nothing.
func (o Origin) warning() string {
	if o.Since.IsZero() {
		return ""
	}
	return fmt.Sprintf(", but the link to the origin is lost since %s: %d of %d instances have one",
		o.Since.UTC().Format(time.RFC3339), o.Linked, o.Links)
}

// Certificate is the one that RTMPS clients are shown.
type Certificate struct {
	NotAfter time.Time // zero when there is none
	Usable   bool      // there is one, and it is valid now
}

// Options of the handler. The zero value works.
type Options struct {
	Version string
	// Names are what the server is called, in lower case; it answers to its
	// addresses and to localhost anyway.
	Names []string
	// Domains are those in which every name is one of the server's, in lower case.
	Domains []string
	// Guesses counts wrong keys, so that answers to them slow down; nil: they do
	// not.
	Guesses *budget.Guesses
	// Console serves what is below ConsolePath; nil: nothing is there.
	Console http.Handler
	// Collectors have more metrics, of what only some servers are.
	Collectors []prometheus.Collector
	Log        *slog.Logger // default: none
}

// ConsolePath is where the console is.
const ConsolePath = "/-/console/"

// Handler serves:
//
//	/healthz     200 as long as the process answers
//	/readyz      200 while clients are welcome, 503 with the reason otherwise; of an edge
//	             also whether it has lost its origin
//	/metrics     Prometheus text format
//	/recordings  recorded streams: as JSON
//	/instances   instances that run, what is in them: as JSON
//	/script-errors  the last errors of server-side scripts: as JSON
//	/held        instances on demand that have something on the disk: as JSON
//	/-/console/  the page on which people look at the server, and change it
//	/            a list of the above and of what is served
//
// A request that is addressed to another name than those it has, or has a body,
// is refused.
func Handler(src Source, opts Options) http.Handler {
	log, version := opts.Log, opts.Version
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newCollector(src, version),
		newEdgeMetrics(src),
	)
	registry.MustRegister(opts.Collectors...)
	if edge, ok := src.(edgeSource); ok {
		registry.MustRegister(newCacheCollector(edge))
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := src.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		said := "ready"
		if o, ok := src.Origin(); ok {
			said += o.warning()
		}
		fmt.Fprintln(w, said)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
	}))
	recorded := recordingsHandler(catalogue.New(src.Recordings), opts.Guesses, log)
	mux.Handle("/recordings", recorded)
	mux.Handle("/recordings/", recorded)
	mux.HandleFunc("GET /script-errors", newDesk("script errors", nil, log).look(scriptErrors(src)))
	mux.HandleFunc("GET /held", newDesk("what is on the disk", nil, log).look(held(src)))
	run := instancesHandler(src, opts.Guesses, log)
	mux.Handle("/instances", run)
	mux.Handle("/instances/", run)
	if opts.Console != nil {
		mux.Handle(ConsolePath, opts.Console)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		index(w, src, version)
		if opts.Console != nil {
			fmt.Fprintln(w, ConsolePath+"  a page that shows all this")
		}
	})
	return NamedOnly(opts.Names, opts.Domains, withoutBody(mux))
}

func index(w http.ResponseWriter, src Source, version string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Flashpod %s\n\n", version)
	for _, s := range src.Stats() {
		fmt.Fprintf(w, "%s/%s: %d connections, %d live streams, %d players of them, %d of recorded streams, %d recordings being written\n",
			s.Application, s.Name, s.Connections, s.Streams, s.Players, s.Playbacks, s.Recordings)
	}
	fmt.Fprint(w, "\n/healthz     is the process alive\n/readyz      are clients welcome\n/metrics     Prometheus metrics\n/recordings  recorded streams, as JSON\n/instances   instances that run, as JSON\n")
}
