package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// edgesRow is what an edge adds to a stream's latency, what its audience costs, and what
// each of its clients and the edge itself take of the origin.
func edgesRow(b *bench) ([]result, error) {
	var out []result
	for _, measure := range []func(*bench) ([]result, error){edgeLatency, edgeFanout, originPerEdge, proxied, edgeConnects, gatewayConnects, edgeObjects} {
		rs, err := measure(b)
		out = append(out, rs...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// edgeLatency holds players of an edge against players of its origin, of the same
// pictures at the same time.
func edgeLatency(b *bench) ([]result, error) {
	n := b.players(100)
	l, err := b.linked("Low")
	if err != nil {
		return nil, err
	}
	defer l.end()
	e, err := l.edge(l.origin)
	if err != nil {
		return nil, err
	}
	f, err := publish(l.origin, "live", "s")
	if err != nil {
		return nil, err
	}
	defer f.close()
	var loads []*loader
	var all []*witnesses
	defer func() {
		for _, one := range loads {
			one.close()
		}
	}()
	for _, t := range []*target{l.origin, e} {
		load, err := newLoader(t.addr, t.app)
		if err != nil {
			return nil, err
		}
		loads = append(loads, load)
		w, err := watch(t, "s")
		if err != nil {
			return nil, err
		}
		all = append(all, w)
		if err := w.among(load, n, playWords("s", -2000)); err != nil {
			return nil, err
		}
	}
	run := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			for _, one := range loads {
				one.step(5)
			}
		}
	}
	run(settle)
	for _, w := range all {
		w.begin()
	}
	run(b.window)
	lost := 0
	for _, w := range all {
		w.leave()
		lost += w.lost
		if w.dead != nil {
			return nil, fmt.Errorf("a witness lost its connection: %w", w.dead)
		}
	}
	if err := f.failure(); err != nil {
		return nil, err
	}
	at, over := all[0].latencies, all[1].latencies
	more50, more99 := median(over)-median(at), percentile(over, 99)-percentile(at, 99)
	return []result{{
		what:   fmt.Sprintf("latency that an edge adds to a stream of %d players, Low, with as many at the origin", n),
		figure: fmt.Sprintf("p50 %.2f p99 %.2f ms more, %d frames lost", more50, more99, lost),
		floor:  fmt.Sprintf("at the origin p50 %.2f p99 %.2f ms", median(at), percentile(at, 99)),
		target: "p50 1, p99 5 ms", verdict: judge(more50 < 1 && more99 < 5 && lost == 0),
	}}, nil
}

// edgePairs is how often edges and what they are held against take turns, and audiencePairs
// how often where two of the same differ by a tenth and more.
const (
	edgePairs     = 5
	audiencePairs = 9
)

// edgeFanout holds an edge's audience against that of a server whose own stream it is.
func edgeFanout(b *bench) ([]result, error) {
	n := b.players(3000)
	var costs, own, ratios []float64
	for range audiencePairs {
		plain, _, err := b.throughput(n, sleeping)
		if err != nil {
			return nil, err
		}
		us, err := b.edgeCost(n)
		if err != nil {
			return nil, err
		}
		costs, own, ratios = append(costs, us), append(own, plain), append(ratios, us/plain)
	}
	r := result{
		what:   fmt.Sprintf("CPU per MB of an edge to %d players, Throughput, median of pairs", n),
		figure: fmt.Sprintf("%.0f µs", median(costs)), floor: fmt.Sprintf("a server's own stream %.0f, pairs %.2f", median(own), ratios),
		target: "at most 1.05×", ratio: median(ratios),
	}
	r.verdict = judge(r.ratio <= 1.05)
	return []result{r}, nil
}

// edgeCost is CPU per MB of an edge. Its origin is on its core, and not counted.
func (b *bench) edgeCost(n int) (float64, error) {
	o, err := b.oneEdge("Throughput", serverCore)
	if err != nil {
		return 0, err
	}
	defer o.end()
	if err := o.load.open(n, same(playWords("s", -2000))); err != nil {
		return 0, err
	}
	o.load.run(settle)
	us, err := measure(o.e.child, o.load, b.window)
	if err == nil {
		err = o.feed.failure()
	}
	return us, err
}

// edgesAtOnce is how many edges an origin has while it is measured what one costs.
const edgesAtOnce = 8

// originPerEdge holds the origin's CPU with edges of one player each against that with as
// many players by TLS, in turns. Those are read each by itself, as edges are: to wake who
// waits costs the origin more than to encrypt what it is sent, and one loader of all would
// be awake from the first on.
func originPerEdge(b *bench) ([]result, error) {
	var ratios, edges, sealed []float64
	for range edgePairs {
		us, err := b.originWith(edgesAtOnce, (*linked).playedByEdge)
		if err != nil {
			return nil, err
		}
		plain, err := b.originWith(edgesAtOnce, (*linked).playedByTLS)
		if err != nil {
			return nil, err
		}
		edges, sealed, ratios = append(edges, us), append(sealed, plain), append(ratios, us/plain)
	}
	r := result{
		what:   fmt.Sprintf("CPU of an origin for each of %d edges with a stream, Low", edgesAtOnce),
		figure: fmt.Sprintf("%.0f µs a second", median(edges)), floor: fmt.Sprintf("a player by RTMPS %.0f, pairs %.2f", median(sealed), ratios),
		target: "at most 2.00×", ratio: median(ratios),
	}
	r.verdict = judge(r.ratio <= 2)
	return []result{r}, nil
}

// originWith is an origin's CPU for each of n players of some kind, in µs a second, above
// that without them.
func (b *bench) originWith(n int, add func(*linked, *loader) (alone *loader, err error)) (us float64, err error) {
	cert, key := filepath.Join(b.dir, "tls.crt"), filepath.Join(b.dir, "tls.key")
	if err := writeCertificate(cert, key); err != nil {
		return 0, err
	}
	l, err := b.linked("Low", "--rtmps-address", "127.0.0.1:0", "--tls-cert-file", cert, "--tls-key-file", key)
	if err != nil {
		return 0, err
	}
	defer l.end()
	f, err := publish(l.origin, "live", "s")
	if err != nil {
		return 0, err
	}
	defer f.close()
	load, err := newLoader(l.origin.addr, l.origin.app)
	if err != nil {
		return 0, err
	}
	defer load.close()
	loads := []*loader{load}
	load.run(settle)
	without, err := spent(l.origin, loads, b.window)
	if err != nil {
		return 0, err
	}
	for range n {
		alone, failed := add(l, load)
		if failed != nil {
			return 0, failed
		}
		if alone != nil {
			end := alone.away()
			defer func() { err = errors.Join(err, end()) }()
		}
	}
	load.run(settle)
	with, err := spent(l.origin, loads, b.window)
	if err == nil {
		err = f.failure()
	}
	return float64((with - without).Microseconds()) / b.window.Seconds() / float64(n), err
}

// playedByTLS is a player that is read by itself.
func (l *linked) playedByTLS(*loader) (alone *loader, err error) {
	if alone, err = newLoader(l.origin.addr, l.origin.app); err != nil {
		return nil, err
	}
	return alone, alone.addSecure(l.origin.secure, playWords("s", -2000))
}

// playedByEdge starts an edge beside the clients, with a player.
func (l *linked) playedByEdge(load *loader) (alone *loader, err error) {
	e, err := l.edge(l.origin, loadCore)
	if err != nil {
		return nil, err
	}
	load.to, load.app = e.addr, e.app
	return nil, load.open(1, same(playWords("s", -2000)))
}

// proxied is what clients of an edge take that play and say nothing: the origin's CPU, and
// memory at both.
func proxied(b *bench) ([]result, error) {
	n := b.players(2000)
	o, err := b.oneEdge("Throughput", loadCore)
	if err != nil {
		return nil, err
	}
	defer o.end()
	load := o.load
	words := same(playWords("s", -2000))
	var cpu [2]time.Duration
	var rss [2][2]int64 // of the origin and the edge
	for i, more := range []int{1, n} {
		if err := load.open(more, words); err != nil {
			return nil, err
		}
		load.run(2 * settle)
		if cpu[i], err = spent(o.origin, []*loader{load}, b.window); err != nil {
			return nil, err
		}
		for k, t := range []*target{o.origin, o.e} {
			if rss[i][k], err = rssOf(t.pid()); err != nil {
				return nil, err
			}
		}
	}
	each := func(k int) float64 { return float64(rss[1][k]-rss[0][k]) / float64(n) }
	share := float64(cpu[1]-cpu[0]) / float64(b.window) * 1000 / float64(n)
	return []result{
		{
			what:   "CPU of an origin for 1,000 clients of an edge that play a stream",
			figure: fmt.Sprintf("%.2f %% of a core", 100*share), floor: fmt.Sprintf("with one %.2f %%", 100*float64(cpu[0])/float64(b.window)),
		},
		{
			what:   fmt.Sprintf("memory of each of %d clients of an edge, at edge and origin", n),
			figure: kb(each(0) + each(1)), floor: fmt.Sprintf("edge %s, origin %s", kb(each(1)), kb(each(0))),
			target: "at most 20 KB", verdict: judge(each(0)+each(1) <= 20000),
		},
	}, nil
}

func edgeConnects(b *bench) ([]result, error) { return b.connectsThrough("an edge", b.oneEdge) }

func gatewayConnects(b *bench) ([]result, error) {
	return b.connectsThrough("the gateway", b.oneGateway)
}

// connectsThrough lets players come as fast as a server and the origin behind it take them.
func (b *bench) connectsThrough(what string, begin func(latency string, core int) (*one, error)) ([]result, error) {
	o, err := begin("Balanced", serverCore)
	if err != nil {
		return nil, err
	}
	defer o.end()
	load := o.load
	if err := load.open(1, same(playWords("s", -2000))); err != nil { // that stays: the stream does
		return nil, err
	}
	load.leave = true
	if err := load.open(b.players(500), same(playWords("s", -2000))); err != nil { // to warm up
		return nil, err
	}
	load.first = nil
	var before, after [2]usage
	both := func(to *[2]usage) (err error) {
		for i, t := range []*target{o.origin, o.e} {
			if to[i], err = used(t.pid()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := both(&before); err != nil {
		return nil, err
	}
	count := 0
	for end := before[0].at.Add(min(b.window, 6*time.Second)); time.Now().Before(end); count += 250 {
		if err := load.open(250, same(playWords("s", -2000))); err != nil {
			return nil, err
		}
	}
	if err := both(&after); err != nil {
		return nil, err
	}
	rate := func(i int) float64 { return float64(count) / (after[i].cpu - before[i].cpu).Seconds() }
	return []result{{
		what:   fmt.Sprintf("new players a second through %s, a second of its core (handshake to first picture, and goodbye)", what),
		figure: fmt.Sprintf("%.0f; first picture p50 %.1f p99 %.1f ms after play", rate(1), median(load.first), percentile(load.first, 99)),
		floor:  fmt.Sprintf("the origin's core %.0f", rate(0)),
	}}, nil
}
