package main

import (
	"context"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// instances are those of a server that start on demand.
type instances struct {
	each      float64 // bytes of memory an idle one
	rss       int64
	cpu       time.Duration // for one to start, be connected to, and be left
	latencies []float64     // ms from dialling to the answer of connect
}

// instancesAt starts n instances by a client each, which leaves.
func (b *bench) instancesAt(n int, script bool) (v instances, err error) {
	spec, flags := "", []string(nil)
	if script {
		if spec, flags, err = b.withScript(); err != nil {
			return v, err
		}
	}
	spec += "  onDemandInstances: true\n  idle: {unloadAfter: 1h}\n"
	t, err := b.serveSpec("Balanced", spec, flags)
	if err != nil {
		return v, err
	}
	defer t.stop()
	enter := func(name string) (ms float64, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		begun := clock()
		nc, err := rtmp.Connect(ctx, fmt.Sprintf("rtmp://%s/%s/%s/-", t.addr, t.app, name), rtmp.Config{})
		if err != nil {
			return 0, fmt.Errorf("instance %s: %w", name, err)
		}
		nc.Close()
		return float64(clock()-begun) / 1e6, nil
	}
	if _, err := enter("_definst_"); err != nil { // to warm up
		return v, err
	}
	before, err := used(t.pid())
	if err != nil {
		return v, err
	}
	for i := range n {
		ms, err := enter(fmt.Sprintf("room%d", i))
		if err != nil {
			return v, err
		}
		v.latencies = append(v.latencies, ms)
	}
	<-time.After(settle) // the last have left
	after, err := used(t.pid())
	v.each, v.rss = float64(after.rss-before.rss)/float64(n), after.rss
	v.cpu = (after.cpu - before.cpu) / time.Duration(n)
	return v, err
}

// instancesRow holds instances with a script against those without.
func instancesRow(b *bench) ([]result, error) {
	n := b.players(990) // one is there, and a server has 1,000 at most by default
	with, err := b.instancesAt(n, true)
	if err != nil {
		return nil, err
	}
	without, err := b.instancesAt(n, false)
	if err != nil {
		return nil, err
	}
	p50, p99 := median(with.latencies), percentile(with.latencies, 99)
	return []result{
		{
			what:   fmt.Sprintf("memory of each of %d idle instances with a small script", n),
			figure: kb(with.each), floor: "without a script " + kb(without.each), target: "1,000 KB", verdict: judge(with.each <= 1e6),
		},
		{
			what:   "from dialling to what onConnect says, in an instance that starts for it",
			figure: fmt.Sprintf("p50 %.1f p99 %.1f ms, %v of CPU each", p50, p99, with.cpu.Round(time.Microsecond)),
			floor:  fmt.Sprintf("without a script p50 %.1f p99 %.1f ms, %v", median(without.latencies), percentile(without.latencies, 99), without.cpu.Round(time.Microsecond)),
			target: "p50 10 ms", verdict: judge(p50 < 10),
		},
	}, nil
}
