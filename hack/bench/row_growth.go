package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var (
	growthPlayers = []int{100, 300, 1000, 3000, 6000, 9000}
	growthStreams = []int{1, 10, 50, 100, 200, 500}
)

const perStream = 10 // players of each

// growth is one point of a curve.
type growth struct {
	n         int     // players or streams
	share     float64 // of a core
	us        float64 // CPU per MB
	rss       int64
	each      float64 // bytes a player above a server without any
	delivered float64 // of what was published
	clients   float64 // of the other core: near 100 % they are what is measured
}

// growthRow measures how cost grows. A server that falls behind is not an
// error here, but a bend in the curve, so what was delivered is measured too.
func growthRow(b *bench) ([]result, error) {
	window := min(b.window, 6*time.Second) // whole GOPs
	var tables []string
	var byPlayers [2][]growth
	for i, latency := range []string{"Balanced", "Throughput"} {
		for _, n := range growthPlayers {
			g, err := b.grow(latency, []string{"s"}, b.players(n), window)
			g.n = b.players(n)
			if err != nil {
				return nil, fmt.Errorf("%d players, %s: %w", n, latency, err)
			}
			byPlayers[i] = append(byPlayers[i], g)
		}
		tables = append(tables, growthTable("Players of one stream, "+latency, "players", byPlayers[i]))
		fmt.Println(tables[len(tables)-1])
	}
	var byStreams []growth
	for _, n := range growthStreams {
		g, err := b.grow("Balanced", streamNames(b.players(n)), perStream, window)
		g.n = b.players(n)
		if err != nil {
			return nil, fmt.Errorf("%d streams: %w", n, err)
		}
		byStreams = append(byStreams, g)
	}
	tables = append(tables, growthTable(fmt.Sprintf("Streams of %d players each, Balanced", perStream), "streams", byStreams))
	fmt.Println(tables[len(tables)-1])
	r := result{what: "CPU and memory against players and streams", figure: "in the tables above"}
	if b.results == "" {
		return []result{r}, nil
	}
	if err := os.MkdirAll(b.results, 0o750); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"growth.md":  "# How it grows\n\nWritten by `make bench ROWS=growth RESULTS=hack/bench/results`; [growth.svg](growth.svg) draws it.\n\n" + strings.Join(tables, "\n"),
		"growth.svg": svg(growthPanels(byPlayers, byStreams)),
	} {
		if err := os.WriteFile(filepath.Join(b.results, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	r.figure = "written to " + b.results
	return []result{r}, nil
}

func (b *bench) grow(latency string, names []string, players int, window time.Duration) (growth, error) {
	var g growth
	t, err := b.serve(latency)
	if err != nil {
		return g, err
	}
	empty, err := rssOf(t.pid())
	if err != nil {
		t.stop()
		return g, err
	}
	a, err := gatherAt(t, names, players)
	if err != nil {
		return g, err
	}
	defer a.end()
	a.load.mark()
	before, err := used(t.pid())
	if err != nil {
		return g, err
	}
	ours, err := cpuOf(os.Getpid())
	if err != nil {
		return g, err
	}
	a.load.run(window)
	after, err := used(t.pid())
	if err != nil {
		return g, err
	}
	spent, err := cpuOf(os.Getpid())
	if err != nil {
		return g, err
	}
	if err := a.feed.failure(); err != nil {
		return g, err
	}
	total := players * len(names)
	took := after.at.Sub(before.at).Seconds()
	g.us = perMB(after.cpu-before.cpu, a.load.since())
	g.share = (after.cpu - before.cpu).Seconds() / took
	g.clients = (spent - ours).Seconds() / took
	g.rss = after.rss
	g.each = float64(after.rss-empty) / float64(total)
	g.delivered = float64(a.load.since()) / (bytesPerSecond() * took * float64(total))
	return g, nil
}

// growthTable is a table in Markdown.
func growthTable(title, what string, gs []growth) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n| %s | core | CPU per MB | memory | memory a player | delivered | the clients' core |\n|---:|---:|---:|---:|---:|---:|---:|\n", title, what)
	for _, g := range gs {
		fmt.Fprintf(&b, "| %d | %.1f %% | %.0f µs | %s | %s | %.0f %% | %.0f %% |\n", g.n, 100*g.share, g.us, mb(float64(g.rss)), kb(g.each), 100*g.delivered, 100*g.clients)
	}
	return b.String()
}

func growthPanels(byPlayers [2][]growth, byStreams []growth) []panel {
	line := func(name string, gs []growth, y func(growth) float64) curve {
		c := curve{name: name}
		for _, g := range gs {
			c.x = append(c.x, float64(g.n))
			c.y = append(c.y, y(g))
		}
		return c
	}
	core := func(g growth) float64 { return 100 * g.share }
	memory := func(g growth) float64 { return float64(g.rss) / 1e6 }
	perMB := func(g growth) float64 { return g.us }
	both := func(y func(growth) float64) []curve {
		return []curve{line("Balanced", byPlayers[0], y), line("Throughput", byPlayers[1], y)}
	}
	streams := fmt.Sprintf("streams of %d players", perStream)
	return []panel{
		{"CPU against players of one stream", "players", "% of a core", both(core)},
		{"CPU against streams", streams, "% of a core", []curve{line("", byStreams, core)}},
		{"CPU per MB against players", "players", "µs", both(perMB)},
		{"CPU per MB against streams", streams, "µs", []curve{line("", byStreams, perMB)}},
		{"Memory against players", "players", "MB", both(memory)},
		{"Memory against streams", streams, "MB", []curve{line("", byStreams, memory)}},
	}
}
