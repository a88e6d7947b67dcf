package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// witnessCount is how many players of an audience listen to everything, besides
// one at its end.
const witnessCount = 4

// live is what an audience of one stream costs and sees.
type live struct {
	us       float64 // CPU per MB
	share    float64 // of a core
	rss      int64
	p50, p99 float64 // ms from publisher to player
	round    float64 // ms, median
	lost     int     // frames
}

// liveAt measures n players of one stream, witnesses evenly among them, on a
// server that it ends.
func liveAt(t *target, n int, window time.Duration) (live, error) {
	var v live
	a, err := gatherAt(t, []string{"s"}, 0)
	if err != nil {
		return v, err
	}
	defer a.end()
	w, err := watch(t, "s")
	if err != nil {
		return v, err
	}
	err = w.among(a.load, n, playWords("s", -2000))
	if err != nil {
		w.leave()
		return v, err
	}
	a.load.run(settle)
	w.begin()
	a.load.mark()
	before, err := used(a.pid())
	if err == nil {
		a.load.run(window)
		var after usage
		if after, err = used(a.pid()); err == nil {
			cpu := after.cpu - before.cpu
			v.us = perMB(cpu, a.load.since())
			v.share = float64(cpu) / float64(after.at.Sub(before.at))
			v.rss = after.rss
		}
	}
	w.leave()
	if err == nil {
		err = a.feed.failure()
	}
	if err == nil && a.load.dead > 0 {
		err = fmt.Errorf("%d players lost their connection: %w", a.load.dead, a.load.why)
	}
	if err == nil && w.dead != nil {
		err = fmt.Errorf("a witness lost its connection: %w", w.dead)
	}
	v.p50, v.p99 = median(w.latencies), percentile(w.latencies, 99)
	v.round, v.lost = median(w.rounds), w.lost
	return v, err
}

// live measures n players in a latency mode.
func (b *bench) live(latency string, n int) (live, error) {
	t, err := b.serve(latency)
	if err != nil {
		return live{}, err
	}
	return liveAt(t, n, b.window)
}

// balancedRow measures latency at the default, and holds the CPU against
// nginx-rtmp, which sends frame by frame, where it is installed.
func balancedRow(b *bench) ([]result, error) {
	n := b.players(500)
	peer, peerErr := b.nginx(n)
	v, err := b.live("Balanced", n)
	if err != nil {
		return nil, err
	}
	out := []result{{
		what:   fmt.Sprintf("latency that the server adds for %d players, Balanced", n),
		figure: fmt.Sprintf("p50 %.2f p99 %.2f ms, %d frames lost", v.p50, v.p99, v.lost),
		target: "p50 2, p99 10 ms", verdict: judge(v.p50 < 2 && v.p99 < 10 && v.lost == 0),
	}}
	r := result{what: fmt.Sprintf("CPU per MB to %d players, Balanced", n), figure: fmt.Sprintf("%.0f µs", v.us), target: "no more than nginx-rtmp"}
	if peerErr != nil {
		r.floor = "nginx-rtmp left out: " + peerErr.Error()
		r.target = ""
	} else {
		out[0].floor = fmt.Sprintf("nginx-rtmp p50 %.2f p99 %.2f ms", peer.p50, peer.p99)
		r.floor, r.ratio = fmt.Sprintf("nginx-rtmp %.0f", peer.us), v.us/peer.us
		r.verdict = judge(v.us <= peer.us)
	}
	return append(out, r), nil
}

const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

const nginxConfig = `load_module %s;
worker_processes 1; master_process off; daemon off; worker_rlimit_nofile 20000;
error_log %s/error.log warn; pid %s/pid;
events { worker_connections 10000; }
rtmp { server { listen %s; chunk_size 4096; application bench { live on; } } }
`

// nginx measures nginx-rtmp with n players.
func (b *bench) nginx(n int) (live, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return live{}, fmt.Errorf("nginx is not installed")
	}
	if _, err := os.Stat(nginxModule); err != nil {
		return live{}, fmt.Errorf("%s is not there (Debian: libnginx-mod-rtmp)", nginxModule)
	}
	dir, err := os.MkdirTemp(b.dir, "nginx-")
	if err != nil {
		return live{}, err
	}
	addr, err := freePort()
	if err != nil {
		return live{}, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, nginxModule, dir, dir, addr), 0o600); err != nil {
		return live{}, err
	}
	t := &target{addr: addr, app: "bench"}
	said := &strings.Builder{}
	cmd := exec.Command(program, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"))
	cmd.Stderr = said
	if t.child, err = startOn(cmd, serverCore); err != nil {
		return live{}, err
	}
	if err := awaitPort(t); err != nil {
		t.stop()
		return live{}, fmt.Errorf("%w: %s", err, said)
	}
	return liveAt(t, n, b.window)
}

// awaitPort waits until a server listens.
func awaitPort(t *target) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	tooLate := time.After(5 * time.Second)
	for {
		select {
		case <-tick.C:
			if fd, err := dial(t.addr); err == nil {
				closeSocket(fd)
				return nil
			}
		case <-t.done:
			return fmt.Errorf("it ended at once")
		case <-tooLate:
			return fmt.Errorf("it does not listen on %s", t.addr)
		}
	}
}

// audienceRow shows how the round stretches by itself.
func audienceRow(b *bench) ([]result, error) {
	var out []result
	var last live
	for _, n := range []int{100, 300, 1000, 3000} {
		v, err := b.live("Balanced", b.players(n))
		if err != nil {
			return out, err
		}
		out = append(out, result{
			what: fmt.Sprintf("%d players, Balanced", b.players(n)),
			figure: fmt.Sprintf("a round every %.0f ms, latency p50 %.1f p99 %.1f ms, %.0f µs a MB, %.0f %% of a core, %d frames lost",
				v.round, v.p50, v.p99, v.us, 100*v.share, v.lost),
		})
		last = v
	}
	end := &out[len(out)-1]
	end.target = "the round stretches, to 350 ms at most"
	end.verdict = judge(last.round > 1000/frameRate+5 && last.round < 400)
	return out, nil
}

// recordRow publishes the same name in turn as live and as record, while its
// players stay.
func recordRow(b *bench) ([]result, error) {
	n := b.players(500)
	a, err := b.gather("Balanced", n)
	if err != nil {
		return nil, err
	}
	defer func() { a.end() }()
	window := b.window / 2
	cost := map[string][]float64{}
	for range 3 {
		for _, kind := range []string{"live", "record"} {
			a.feed.close()
			a.feed = nil
			if a.feed, err = publish(a.target, kind, "s"); err != nil {
				return nil, err
			}
			a.load.run(settle)
			us, err := a.cost(window)
			if err != nil {
				return nil, err
			}
			cost[kind] = append(cost[kind], us)
		}
	}
	off, on := median(cost["live"]), median(cost["record"])
	return []result{{
		what:   fmt.Sprintf("CPU per MB to %d players of a stream that is recorded, Balanced", n),
		figure: fmt.Sprintf("%.0f µs", on), floor: fmt.Sprintf("not recorded %.0f", off), ratio: on / off,
		target: "at most 1.05×", verdict: judge(on/off <= 1.05),
	}}, nil
}

// ingestRow has many publishers, and a few players who check that all of it
// arrives.
func ingestRow(b *bench) ([]result, error) {
	n := b.players(200)
	t, err := b.serve("Balanced")
	if err != nil {
		return nil, err
	}
	a := &audience{target: t}
	defer func() { a.end() }()
	if a.feed, err = publish(t, "live", streamNames(n)...); err != nil {
		return nil, err
	}
	v, err := a.ingest(n, b.window)
	if err != nil {
		return nil, err
	}
	share := float64(v.cpu) / float64(v.took)
	published := bytesPerSecond() * float64(n) * v.took.Seconds()
	// A frame that waits for another publisher's is sent late, not lost.
	onTime := float64(v.sent) >= 0.97*frameRate*b.window.Seconds()
	return []result{{
		what: fmt.Sprintf("%d publishers of 1.1 Mbit/s on one core", n),
		figure: fmt.Sprintf("%.0f %% of the core, %.0f µs a MB; of %d streams that were watched %d of %d frames were lost",
			100*share, perMB(v.cpu, uint64(published)), watched, v.lost, watched*v.fewest+v.lost),
		target: "all of it taken", verdict: judge(onTime && v.lost == 0 && v.fewest >= v.sent-frameRate && share < 1),
	}}, nil
}

// watched is how many of many streams have a witness.
const watched = 10

// ingested is what many publishers cost, and how much of it arrives.
type ingested struct {
	cpu, took time.Duration
	sent      int // frames of each publisher
	fewest    int // frames that a witness saw
	lost      int // frames, of all that witnesses should have seen
}

// ingest measures n publishers, with witnesses evenly among their streams.
func (a *audience) ingest(n int, window time.Duration) (ingested, error) {
	ws, err := watchSome(a.target, n)
	if err != nil {
		return ingested{}, err
	}
	<-time.After(settle)
	for _, w := range ws {
		w.begin()
	}
	first := a.feed.frames.Load()
	before, err := used(a.pid())
	var after usage
	if err == nil {
		<-time.After(window)
		after, err = used(a.pid())
	}
	v := ingested{cpu: after.cpu - before.cpu, took: after.at.Sub(before.at), sent: int(a.feed.frames.Load() - first)}
	v.fewest = v.sent
	for _, w := range ws {
		w.leave()
		v.lost += w.lost
		v.fewest = min(v.fewest, w.frames)
		if err == nil {
			err = w.dead
		}
	}
	if err == nil {
		err = a.feed.failure()
	}
	return v, err
}

// watchSome has a witness each at some of the streams of n publishers, evenly
// among them.
func watchSome(t *target, n int) ([]*witnesses, error) {
	var ws []*witnesses
	for i := range watched {
		w, err := watch(t, streamNames(n)[i*n/watched])
		if err == nil {
			ws = append(ws, w)
			err = w.join()
		}
		if err != nil {
			for _, w := range ws {
				w.leave()
			}
			return nil, err
		}
	}
	return ws, nil
}

func streamNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("s%d", i)
	}
	return names
}

// freePort asks the kernel for a port that a program may take, which cannot
// take one of its own choice.
func freePort() (netip.AddrPort, error) {
	fd, addr, err := listen()
	if err != nil {
		return addr, err
	}
	closeSocket(fd)
	return addr, nil
}
