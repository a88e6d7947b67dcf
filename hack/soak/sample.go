package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sample is what the server holds at a time.
type sample struct {
	goroutines, files  int
	memory             int64 // bytes: see server.memory
	connections        int
	players, streams   int
	recordings         int
	accepted, received float64 // since the start: clients, bytes
	sent               float64
	cpu                float64 // s, since the start
}

// A connection of its own for each request: none is left over to be counted.
var web = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// sample reads /metrics.
func (s *server) sample(ctx context.Context) (sample, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/metrics", nil)
	if err != nil {
		return sample{}, err
	}
	res, err := web.Do(req)
	if err != nil {
		return sample{}, err
	}
	defer res.Body.Close()
	values, err := parseMetrics(res.Body)
	if err != nil {
		return sample{}, err
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes", "go_memstats_sys_bytes", "flashpod_connections"} {
		if _, ok := values[name]; !ok {
			return sample{}, fmt.Errorf("/metrics has no %s", name)
		}
	}
	return sample{
		goroutines:  int(values["go_goroutines"]),
		files:       int(values["process_open_fds"]),
		memory:      s.memory(values),
		connections: int(values["flashpod_connections"]),
		players:     int(values["flashpod_players"]),
		streams:     int(values["flashpod_streams"]),
		recordings:  int(values["flashpod_recordings"]),
		accepted:    values["flashpod_connections_total"],
		received:    values["flashpod_received_bytes_total"],
		sent:        values["flashpod_sent_bytes_total"],
		cpu:         values["process_cpu_seconds_total"],
	}, nil
}

// memory is what the process has in RAM or, under the race detector, what Go has
// of it: the detector remembers something of every goroutine that ever was, and
// there is one for each turn of a recording.
func (s *server) memory(values map[string]float64) int64 {
	if s.race {
		return int64(values["go_memstats_sys_bytes"] - values["go_memstats_heap_released_bytes"])
	}
	return int64(values["process_resident_memory_bytes"])
}

// parseMetrics sums up what the Prometheus text format says of each name.
func parseMetrics(r io.Reader) (map[string]float64, error) {
	values := map[string]float64{}
	in := bufio.NewScanner(r)
	for in.Scan() {
		line := in.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", line, err)
		}
		name, _, _ := strings.Cut(line[:at], "{")
		values[name] += v
	}
	return values, in.Err()
}

// settleWithin is how long the server may take to let go of clients that left:
// longer than every time limit that it has for them.
const settleWithin = 2 * time.Minute

// settled waits until no client is there and goroutines and files are no more
// than an idle figure says, or, without one, stand still.
func (s *server) settled(ctx context.Context, idle *sample) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var last sample
	for still := 0; ; {
		now, err := s.sample(ctx)
		if err != nil && ctx.Err() == nil {
			return now, err
		}
		if err == nil {
			if now.goroutines == last.goroutines && now.files == last.files {
				still++
			} else {
				still = 0
			}
			last = now
			back := idle == nil && still >= 6 || idle != nil && now.goroutines <= idle.goroutines && now.files <= idle.files
			if now.connections == 0 && now.recordings == 0 && back {
				return now, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if idle == nil {
				return last, fmt.Errorf("the server does not come to rest within %v: %+v", settleWithin, last)
			}
			return last, fmt.Errorf("leak: %v after the last client left there are %d connections, %d goroutines and %d files; idle were 0, %d and %d",
				settleWithin, last.connections, last.goroutines, last.files, idle.goroutines, idle.files)
		}
	}
}

// table prints samples, one a line.
type table struct {
	out  io.Writer
	rows int
}

func (t *table) row(at string, s sample) {
	if t.rows%40 == 0 {
		fmt.Fprintf(t.out, "%8s %10s %6s %8s %8s %8s %8s %6s %9s %9s %9s %8s\n",
			"time", "goroutines", "files", "mem MB", "clients", "streams", "players", "recs", "accepted", "in MB", "out MB", "CPU s")
	}
	t.rows++
	fmt.Fprintf(t.out, "%8s %10d %6d %8.1f %8d %8d %8d %6d %9.0f %9.1f %9.1f %8.1f\n",
		at, s.goroutines, s.files, float64(s.memory)/1e6, s.connections, s.streams, s.players, s.recordings, s.accepted, s.received/1e6, s.sent/1e6, s.cpu)
}
