package main

import (
	"fmt"
	"time"
)

// fanoutPairs is how often server and floor are measured, one after the other: a
// machine that is shared changes within a minute.
const fanoutPairs = 5

// fanoutRow holds the cheapest way to serve many against the floor: the median of
// the ratios of neighbours. Its players spin: what a server pays to wake a client
// that sleeps is not its own.
func fanoutRow(b *bench) ([]result, error) {
	n := b.players(3000)
	var costs, floors, ratios, memory []float64
	for range fanoutPairs {
		floor, err := b.floorCost(n, viaSend, "", spinning)
		if err != nil {
			return nil, err
		}
		us, rss, err := b.throughput(n, spinning)
		if err != nil {
			return nil, err
		}
		costs, floors, ratios = append(costs, us), append(floors, floor), append(ratios, us/floor)
		memory = append(memory, float64(rss)/float64(n))
	}
	each := fmt.Sprintf("%.2f", ratios)
	r := result{
		what:   fmt.Sprintf("CPU per MB to %d players, Throughput, median of pairs", n),
		figure: fmt.Sprintf("%.0f µs", median(costs)), floor: fmt.Sprintf("floor %.0f, pairs %s", median(floors), each),
		target: "at most 1.25×", ratio: median(ratios),
	}
	r.verdict = judge(r.ratio <= 1.25)
	return []result{r, {what: "memory a player, all of the server's divided", figure: kb(median(memory))}}, nil
}

// throughput is CPU per MB and memory with n players of one stream.
func (b *bench) throughput(n int, how pace, cores ...int) (us float64, rss int64, err error) {
	a, err := b.gather("Throughput", n, cores...)
	if err != nil {
		return 0, 0, err
	}
	defer a.end()
	a.load.pace = how
	if us, err = a.cost(b.window); err != nil {
		return 0, 0, err
	}
	rss, err = rssOf(a.pid())
	return us, rss, err
}

// manyRow counts bytes. The publisher pauses before and after, so that nothing
// is on its way: then everybody must have got the same, to the byte.
func manyRow(b *bench) ([]result, error) {
	n := b.players(9000)
	t, err := b.serve("Throughput")
	if err != nil {
		return nil, err
	}
	empty, err := rssOf(t.pid())
	if err != nil {
		t.stop()
		return nil, err
	}
	a, err := gatherAt(t, []string{"s"}, n)
	if err != nil {
		return nil, err
	}
	defer a.end()
	from := a.quiet()
	a.load.mark()
	before, err := used(a.pid())
	if err != nil {
		return nil, err
	}
	a.feed.resume()
	a.load.run(b.window)
	to := a.quiet()
	after, err := used(a.pid())
	if err != nil {
		return nil, err
	}
	if err := a.feed.failure(); err != nil {
		return nil, err
	}
	want := uint64(0)
	for k := from; k < to; k++ {
		want += uint64(tickBytes(int(k)))
	}
	least, most := a.load.spread()
	each := float64(after.rss-empty) / float64(n)
	share := float64(after.cpu-before.cpu) / float64(after.at.Sub(before.at))
	return []result{
		{
			what:   fmt.Sprintf("bytes delivered to each of %d players on one core", n),
			figure: fmt.Sprintf("%d to %d, %d lost their connection; %.0f %% of the core, %.0f µs a MB", least, most, a.load.dead, 100*share, perMB(after.cpu-before.cpu, a.load.since())),
			floor:  fmt.Sprintf("published %d", want),
			target: "all, to the byte", verdict: judge(least == want && most == want && a.load.dead == 0),
		},
		{
			what:   "memory a player, above a server without any",
			figure: kb(each),
			floor:  fmt.Sprintf("server %s, without players %s", mb(float64(after.rss)), mb(float64(empty))),
			target: "at most 16 KB", verdict: judge(each <= 16000),
		},
	}, nil
}

// quiet pauses the publisher until everything has arrived, and returns the
// number of the next frame.
func (a *audience) quiet() int64 {
	next := a.feed.pause()
	for was := uint64(0); ; {
		a.load.run(2 * interval)
		got := uint64(0)
		for _, p := range a.load.players {
			got += p.got
		}
		if got == was {
			return next
		}
		was = got
	}
}

// coresRow: with two cores, server and clients share both, so players are not
// counted until it breaks; what is measured is how much CPU the same audience
// costs on two cores. A server that needs no more than on one carries twice
// the players.
func coresRow(b *bench) ([]result, error) {
	n := b.players(3000)
	one, _, err := b.throughput(n, sleeping, serverCore)
	if err != nil {
		return nil, err
	}
	two, _, err := b.throughput(n, sleeping, serverCore, loadCore)
	if err != nil {
		return nil, err
	}
	again, _, err := b.throughput(n, sleeping, serverCore)
	if err != nil {
		return nil, err
	}
	alone := (one + again) / 2
	return []result{{
		what:   fmt.Sprintf("CPU per MB to %d players, Throughput, on two cores that the clients share", n),
		figure: fmt.Sprintf("%.0f µs", two), floor: fmt.Sprintf("one core %.0f (%.0f and %.0f)", alone, one, again), ratio: two / alone,
		target: "1.8 times the players: at most 1.11×", verdict: judge(two/alone <= 2/1.8),
	}}, nil
}

// idleRow looks at a server without clients.
func idleRow(b *bench) ([]result, error) {
	t, err := b.serve("Balanced")
	if err != nil {
		return nil, err
	}
	defer t.stop()
	wait := func(d time.Duration) { <-time.After(d) }
	wait(settle)
	before, err := used(t.pid())
	if err != nil {
		return nil, err
	}
	wait(b.window)
	after, err := used(t.pid())
	if err != nil {
		return nil, err
	}
	share := 100 * float64(after.cpu-before.cpu) / float64(after.at.Sub(before.at))
	return []result{
		{what: "memory of an idle server", figure: mb(float64(after.rss)), target: "at most 20 MB", verdict: judge(after.rss <= 20e6)},
		{what: "CPU of an idle server", figure: fmt.Sprintf("%.3f %%", share), target: "0 %", verdict: judge(share < 0.05)},
	}, nil
}
