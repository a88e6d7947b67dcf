package main

import (
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// edgeObjects tells 1,000 clients behind four edges of changes.
func edgeObjects(b *bench) ([]result, error) {
	const edges = 4
	n := b.players(1000)
	l, err := b.linked("Balanced")
	if err != nil {
		return nil, err
	}
	defer l.end()
	var loads []*loader
	var lookAt []*lookers
	defer func() {
		for _, k := range lookAt {
			k.leave()
		}
		for _, one := range loads {
			one.close()
		}
	}()
	for range edges {
		e, err := l.edge(l.origin)
		if err != nil {
			return nil, err
		}
		load, err := newLoader(e.addr, e.app)
		if err != nil {
			return nil, err
		}
		load.wants = rtmp.TypeSharedObject
		loads = append(loads, load)
		k, err := look(e)
		if err != nil {
			return nil, err
		}
		lookAt = append(lookAt, k)
		if err := k.among(load, n/edges, useWords()); err != nil {
			return nil, err
		}
	}
	s, err := change(l.origin, false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.end() }()
	if _, err := spent(l.origin, loads, settle); err != nil {
		return nil, err
	}
	for _, k := range lookAt {
		k.begin()
	}
	first := s.sent.Load()
	var before [edges]usage
	for i, e := range l.edges {
		if before[i], err = used(e.pid()); err != nil {
			return nil, err
		}
	}
	origin, err := spent(l.origin, loads, b.window)
	if err != nil {
		return nil, err
	}
	var cpu time.Duration
	for i, e := range l.edges {
		after, err := used(e.pid())
		if err != nil {
			return nil, err
		}
		cpu += after.cpu - before[i].cpu
	}
	asked := int(s.sent.Load()-first) * slotsTold
	told := asked
	var late []float64
	for _, k := range lookAt {
		k.measuring.Store(false)
		told = min(told, k.told())
		for _, ms := range k.late {
			late = append(late, ms)
		}
	}
	all := float64(told) * float64(n)
	return []result{{
		what:   fmt.Sprintf("changes of a shared object told to %d clients behind %d edges, a second of all their cores", n, edges),
		figure: fmt.Sprintf("%.0f, of the origin's alone %.0f; %.0f %% of what was set", all/(cpu+origin).Seconds(), all/origin.Seconds(), 100*float64(told)/float64(asked)),
		floor:  fmt.Sprintf("the last of an edge hears after p50 %.1f p99 %.1f ms", median(late), percentile(late, 99)),
	}}, nil
}
