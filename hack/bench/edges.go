package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// linked is an origin and edges of it, of which each is a process.
type linked struct {
	b      *bench
	origin *target
	key    string // file
	edges  []*target
}

// linked starts an origin on the server's core.
func (b *bench) linked(latency string, flags ...string) (*linked, error) {
	l := &linked{b: b, key: filepath.Join(b.dir, "link.key")}
	if err := os.WriteFile(l.key, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		return nil, err
	}
	var err error
	l.origin, err = b.serveWith(latency, append(flags, "--link-key-file", l.key))
	return l, err
}

// edge starts one edge more of a server, on cores.
func (l *linked) edge(of *target, cores ...int) (*target, error) {
	return l.start(of, nil, cores...)
}

// middle starts an edge of the origin that takes links of others.
func (l *linked) middle() (*target, error) {
	return l.start(l.origin, []string{"--link-address", "127.0.0.1:0"})
}

// gateway starts a gateway whose only route leads to the origin.
func (l *linked) gateway(cores ...int) (*target, error) {
	dir, err := os.MkdirTemp(l.b.dir, "gateway-")
	if err != nil {
		return nil, err
	}
	routes := filepath.Join(dir, "routes.yaml")
	text := fmt.Sprintf("routes: [{name: %s, application: %s, onDemandInstances: true, origin: %q, linkKeyFile: %s}]\n", l.origin.app, l.origin.app, l.origin.addr.String(), l.key)
	if err := os.WriteFile(routes, []byte(text), 0o600); err != nil {
		return nil, err
	}
	g, err := l.b.command("gateway", dir, []string{"--routes", routes, "--cache-size", "0"}, cores...)
	if err == nil {
		l.edges = append(l.edges, g)
	}
	return g, err
}

func (l *linked) start(of *target, flags []string, cores ...int) (*target, error) {
	dir, err := os.MkdirTemp(l.b.dir, "edge-")
	if err != nil {
		return nil, err
	}
	at := of.addr
	if of.links.IsValid() {
		at = of.links
	}
	flags = append(flags, "--edge-of", at.String(), "--link-key-file", l.key, "--cache-size", "0")
	e, err := l.b.start(dir, flags, cores...)
	if err == nil {
		l.edges = append(l.edges, e)
	}
	return e, err
}

// end ends all of them, the leaves first.
func (l *linked) end() {
	for i := len(l.edges) - 1; i >= 0; i-- {
		l.edges[i].stop()
	}
	l.origin.stop()
}

// one is an origin with a stream and an edge, of whose players there are none yet.
type one struct {
	*linked
	e    *target
	feed *feed
	load *loader // of the edge
}

// oneEdge starts an origin and an edge on a core.
func (b *bench) oneEdge(latency string, core int) (*one, error) {
	return b.oneOf(latency, func(l *linked) (*target, error) { return l.edge(l.origin, core) })
}

// oneGateway starts an origin and a gateway on a core.
func (b *bench) oneGateway(latency string, core int) (*one, error) {
	return b.oneOf(latency, func(l *linked) (*target, error) { return l.gateway(core) })
}

func (b *bench) oneOf(latency string, start func(*linked) (*target, error)) (*one, error) {
	l, err := b.linked(latency)
	if err != nil {
		return nil, err
	}
	o := &one{linked: l}
	if o.e, err = start(l); err == nil {
		o.feed, err = publish(l.origin, "live", "s")
	}
	if err == nil {
		o.load, err = newLoader(o.e.addr, o.e.app)
	}
	if err != nil {
		o.end()
		return nil, err
	}
	return o, nil
}

func (o *one) end() {
	if o.load != nil {
		o.load.close()
	}
	if o.feed != nil {
		o.feed.close()
	}
	o.linked.end()
}

// spent is a process's CPU while clients do what they do.
func spent(t *target, loads []*loader, window time.Duration) (time.Duration, error) {
	before, err := used(t.pid())
	if err != nil {
		return 0, err
	}
	for end := time.Now().Add(window); time.Now().Before(end); {
		for _, one := range loads {
			one.step(5)
			if one.dead > 0 {
				return 0, fmt.Errorf("%d players lost their connection: %w", one.dead, one.why)
			}
		}
	}
	after, err := used(t.pid())
	return after.cpu - before.cpu, err
}
