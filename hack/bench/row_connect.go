package main

import (
	"fmt"
	"time"
)

// connectRow lets players come as fast as the server takes them; each leaves
// at its first picture, which it gets from the stream's newest keyframe on. A
// player walks the whole way: handshake, connect, createStream and play, each
// after the answer to the one before.
func connectRow(b *bench) ([]result, error) {
	t, err := b.serve("Balanced")
	if err != nil {
		return nil, err
	}
	a := &audience{target: t}
	defer func() { a.end() }()
	if a.feed, err = publish(t, "live", "s"); err != nil {
		return nil, err
	}
	if a.load, err = newLoader(t.addr, t.app); err != nil {
		return nil, err
	}
	a.load.leave = true
	words := playWords("s", -2000)
	if err := a.load.open(b.players(500), same(words)); err != nil { // to warm up
		return nil, err
	}
	a.load.first = nil
	count := 0
	before, err := used(t.pid())
	if err != nil {
		return nil, err
	}
	for end := before.at.Add(min(b.window, 6*time.Second)); time.Now().Before(end); count += 250 {
		if err := a.load.open(250, same(words)); err != nil {
			return nil, err
		}
	}
	after, err := used(t.pid())
	if err != nil {
		return nil, err
	}
	took, cpu := after.at.Sub(before.at), after.cpu-before.cpu
	each := cpu / time.Duration(count)
	rate := float64(count) / cpu.Seconds()
	return []result{{
		what: "new players a second of a core (handshake, connect, createStream, play, first picture, goodbye)",
		figure: fmt.Sprintf("%.0f, %v of CPU each; %.0f a second came in here, first picture p50 %.1f p99 %.1f ms after play", rate, each.Round(time.Microsecond),
			float64(count)/took.Seconds(), median(a.load.first), percentile(a.load.first, 99)),
		target: "3,000", verdict: judge(rate >= 3000),
	}}, nil
}
