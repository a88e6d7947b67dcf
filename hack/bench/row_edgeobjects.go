package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// edgesOf is how many edges the origin of this row has.
const edgesOf = 4

// linkedServers are an origin on a core of its own, and edges of it on the other.
type linkedServers struct {
	origin *target
	edges  []*target
}

func (s *linkedServers) stop() {
	for _, e := range s.edges {
		e.stop()
	}
	s.origin.stop()
}

// serveLinked starts an origin and its edges.
func (b *bench) serveLinked(edges int) (*linkedServers, error) {
	dir, err := os.MkdirTemp(b.dir, "links-")
	if err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "link.key")
	origin, err := b.serveWith("Balanced", []string{"--link-key-file", key})
	if err != nil {
		return nil, err
	}
	s := &linkedServers{origin: origin}
	for n := range edges {
		e, err := b.serveEdge(filepath.Join(dir, fmt.Sprintf("edge-%d.log", n)), origin, key)
		if err != nil {
			s.stop()
			return nil, err
		}
		s.edges = append(s.edges, e)
	}
	return s, nil
}

func (b *bench) serveEdge(logFile string, of *target, key string) (*target, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(b.binary, "serve", "--edge-of", "rtmp://"+of.addr.String(), "--link-key-file", key,
		"--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--log-format", "json", "--drain-timeout", "1s")
	cmd.Stdout, cmd.Stderr = log, log
	t := &target{app: of.app}
	if t.child, err = startOn(cmd, loadCore); err != nil {
		return nil, fmt.Errorf("start an edge: %w", err)
	}
	if err := t.awaitReady(logFile); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// farObject is what an object costs whose clients are behind edges.
type farObject struct {
	originUS float64 // of the origin's CPU, a change
	edgesUS  float64 // of all edges' CPU, a change and client
	bytes    float64 // that the origin has written, a change and edge
}

// objectAtEdges measures an object that n clients of each edge use, and one client of the
// first changes.
func (b *bench) objectAtEdges(n int) (v farObject, err error) {
	s, err := b.serveLinked(edgesOf)
	if err != nil {
		return v, err
	}
	defer s.stop()
	var loads []*loader
	defer func() {
		for _, l := range loads {
			l.close()
		}
	}()
	for _, e := range s.edges {
		l, err := newLoader(e.addr, e.app)
		if err != nil {
			return v, err
		}
		loads = append(loads, l)
		l.wants = rtmp.TypeSharedObject
		if err := l.open(n, same(useWords())); err != nil {
			return v, err
		}
	}
	set, err := change(s.edges[0], false)
	if err != nil {
		return v, err
	}
	run := func(window time.Duration) {
		var all sync.WaitGroup
		for _, l := range loads {
			all.Go(func() { l.run(window) })
		}
		all.Wait()
	}
	run(settle)
	before, err := s.spent()
	if err != nil {
		return v, err
	}
	first := set.sent.Load()
	run(b.window)
	changes := float64(set.sent.Load()-first) * slotsTold
	after, err := s.spent()
	err = errors.Join(err, set.end())
	for _, l := range loads {
		if l.dead > 0 {
			err = errors.Join(err, fmt.Errorf("%d clients lost their connection: %w", l.dead, orEnd(l.why)))
		}
	}
	v.originUS = float64((after.origin - before.origin).Nanoseconds()) / 1e3 / changes
	v.edgesUS = float64((after.edges - before.edges).Nanoseconds()) / 1e3 / changes / float64(n*edgesOf)
	v.bytes = float64(after.wrote-before.wrote) / changes / edgesOf
	return v, err
}

// spentBoth is what servers have used so far.
type spentBoth struct {
	origin, edges time.Duration
	wrote         int64
}

func (s *linkedServers) spent() (v spentBoth, err error) {
	if v.origin, err = cpuOf(s.origin.pid()); err != nil {
		return v, err
	}
	for _, e := range s.edges {
		one, err := cpuOf(e.pid())
		if err != nil {
			return v, err
		}
		v.edges += one
	}
	v.wrote, err = wroteOf(s.origin.pid())
	return v, err
}

// wroteOf is how many bytes a process has handed to write: an origin writes to its links,
// and next to nothing else.
func wroteOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "wchar:"); ok {
			return strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	return 0, errors.New("io has no wchar")
}

// edgeObjectsRow holds what a change costs an origin whose edges have many clients against
// what it costs with one client at each.
func edgeObjectsRow(b *bench) ([]result, error) {
	n := b.players(250)
	var ratios, one, many, edges, bytes []float64
	for range 3 {
		few, err := b.objectAtEdges(1)
		if err != nil {
			return nil, err
		}
		all, err := b.objectAtEdges(n)
		if err != nil {
			return nil, err
		}
		one, many, ratios = append(one, few.originUS), append(many, all.originUS), append(ratios, all.originUS/few.originUS)
		edges, bytes = append(edges, all.edgesUS), append(bytes, all.bytes)
	}
	return []result{{
		what:   fmt.Sprintf("the origin's CPU for a change that %d edges hear, %d clients at each", edgesOf, n),
		figure: fmt.Sprintf("%.1f µs, and %.0f bytes a link", median(many), median(bytes)),
		floor:  fmt.Sprintf("with one client at each %.1f µs", median(one)), ratio: median(ratios),
		target: "at most 1.25×", verdict: judge(median(ratios) <= 1.25),
	}, {
		what:   fmt.Sprintf("changes told to %d clients behind %d edges, a second of an edge's core", n*edgesOf, edgesOf),
		figure: fmt.Sprintf("%.0f", 1e6/median(edges)),
	}}, nil
}
