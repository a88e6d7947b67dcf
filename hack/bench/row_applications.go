package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var (
	growthCallers   = []int{1, 10, 100, 1000}
	growthLookers   = []int{100, 300, 1000, 3000}
	growthInstances = []int{10, 100, 300, 990}
)

// applicationsRow measures how what applications do grows.
func applicationsRow(b *bench) ([]result, error) {
	window := min(b.window/2, 4*time.Second)
	var out strings.Builder
	var rate, changes, late, object, memory, start curve
	add := func(c *curve, n int, y float64) { c.x, c.y = append(c.x, float64(n)), append(c.y, y) }
	out.WriteString("## Calls that a script answers\n\n| clients | calls a second of CPU | core | memory | the clients' core |\n|---:|---:|---:|---:|---:|\n")
	for _, n := range growthCallers {
		n = b.players(n)
		v, err := b.callScript(true, n, max(1, callers*callsAtOnce/n), window)
		if err != nil {
			return nil, fmt.Errorf("%d callers: %w", n, err)
		}
		fmt.Fprintf(&out, "| %d | %.0f | %.0f %% | %s | %.0f %% |\n", n, v.rate, 100*v.share, mb(float64(v.rss)), 100*v.clients)
		add(&rate, n, v.rate)
	}
	fmt.Fprintf(&out, "\n## Clients of one shared object, of which %d slots change %d times a second\n\n| clients | changes a second of CPU | core | p50 | p99 | memory a client | told | the clients' core |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n", slotsTold, fps)
	for _, n := range growthLookers {
		n = b.players(n)
		v, err := b.objectAt(n, window)
		if err != nil {
			return nil, fmt.Errorf("%d clients of an object: %w", n, err)
		}
		fmt.Fprintf(&out, "| %d | %.0f | %.0f %% | %.1f ms | %.1f ms | %s | %.0f %% | %.0f %% |\n", n, v.rate, 100*v.share, v.p50, v.p99, kb(v.each), 100*v.told, 100*v.clients)
		add(&changes, n, v.rate)
		add(&late, n, v.p99)
		add(&object, n, float64(v.rss)/1e6)
	}
	out.WriteString("\n## Idle instances with a small script\n\n| instances | memory | each | first connect p50 | p99 | CPU of a start |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, n := range growthInstances {
		n = b.players(n)
		v, err := b.instancesAt(n, true)
		if err != nil {
			return nil, fmt.Errorf("%d instances: %w", n, err)
		}
		fmt.Fprintf(&out, "| %d | %s | %s | %.1f ms | %.1f ms | %v |\n", n, mb(float64(v.rss)), kb(v.each), median(v.latencies), percentile(v.latencies, 99), v.cpu.Round(10*time.Microsecond))
		add(&memory, n, float64(v.rss)/1e6)
		add(&start, n, median(v.latencies))
	}
	fmt.Println(out.String())
	r := result{what: "calls, shared objects and instances", figure: "in the tables above"}
	if b.results == "" {
		return []result{r}, nil
	}
	picture := svg([]panel{
		{"Calls a second of CPU against clients", "clients", "calls", []curve{rate}},
		{"Changes a second of CPU against clients of an object", "clients", "changes", []curve{changes}},
		{"From a change to the last client, p99", "clients", "ms", []curve{late}},
		{"Memory against clients of an object", "clients", "MB", []curve{object}},
		{"Memory against instances with a script", "instances", "MB", []curve{memory}},
		{"First connect of an instance, p50", "instances", "ms", []curve{start}},
	})
	if err := os.MkdirAll(b.results, 0o750); err != nil {
		return nil, err
	}
	text := "# How applications grow\n\nWritten by `make bench ROWS=applications RESULTS=hack/bench/results`; [applications.svg](applications.svg) draws it.\n\n" + out.String()
	for name, content := range map[string]string{"applications.md": text, "applications.svg": picture} {
		if err := os.WriteFile(filepath.Join(b.results, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	r.figure = "written to " + b.results
	return []result{r}, nil
}
