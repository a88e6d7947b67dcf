package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	stallFor  = 60 * time.Second
	calmFor   = 10 * time.Second
	stallSize = 8000 // bytes of a frame: 1.6 Mbit/s
	// What a player that stopped reading is closed after, and as much again
	// for its sockets to fill and the machine to be slow.
	closedWithin = 40 * time.Second
	// mayHold is how many bytes a player may cost who does not read: its
	// connection, and what a heap holds of those before it until it is swept.
	mayHold = 64 << 10
	// Connections made at once.
	arrivals = 50
)

// stall keeps n players who do not read for a minute: those that the server
// closes are followed by others.
func stall(ctx context.Context, s *server, n int) error {
	c := newCrew(s)
	stopFeed, err := c.feed(ctx, "s")
	if err != nil {
		return err
	}
	defer func() { _ = stopFeed() }() // for the returns before it is asked

	w := &witness{live: true}
	healthy, found, err := c.play(ctx, 0, w, "s", -1000)
	if !found {
		return errors.Join(errors.New("the healthy player does not play"), err)
	}
	defer healthy.close()

	h := &herd{crew: c, table: table{out: os.Stdout}}
	defer h.close()
	fmt.Printf("a stream of %.1f Mbit/s, a healthy player, and %d who stop reading\n\n", float64(stallSize)*25*8/1e6, n)
	v := stalled{players: n}
	if v.before, err = h.watch(ctx, "before", calmFor, 0); err != nil {
		return err
	}
	h.add(ctx, n)
	if v.during, err = h.watch(ctx, "stalled", stallFor, n); err != nil {
		return err
	}
	v.all = h.size()
	if err := h.closed(ctx); err != nil {
		return err
	}
	if v.after, err = h.watch(ctx, "after", calmFor, 0); err != nil {
		return err
	}
	if err := stopFeed(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return v.verdict(os.Stdout, w)
}

// feed publishes a stream until ctx ends or stop is called, which says how it
// went.
func (c *crew) feed(ctx context.Context, name string) (stop func() error, err error) {
	publisher, err := c.server.dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err = publisher.command("publish", name, "live"); err == nil {
		_, err = publisher.await(ctx, "NetStream.Publish.Start")
	}
	if err != nil {
		publisher.close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() { fed <- c.sendFrames(ctx, publisher, stallSize, 50) }()
	return sync.OnceValue(func() error {
		cancel()
		defer publisher.close()
		return <-fed
	}), nil
}

// stalled is what the server held before players stopped reading, while they
// did not read, and after they were gone.
type stalled struct {
	players               int // who do not read, at once
	all                   int // and all in all, with those in the place of others
	before, during, after []sample
}

// verdict prints the figures, and fails when the server held too much or the
// healthy player was let down.
func (v stalled) verdict(out io.Writer, w *witness) error {
	frames, told, wrong := w.result()
	before, during, after := medianMemory(v.before), medianMemory(v.during), medianMemory(v.after)
	fmt.Fprintf(out, "\nmemory %.1f MB before, %.1f MB with %d players who do not read (%.1f KB each), %.1f MB after\n",
		before/1e6, during/1e6, v.players, (during-before)/1e3/float64(v.players), after/1e6)
	fmt.Fprintf(out, "%d such players connected, and the server closed every one\n", v.all)
	fmt.Fprintf(out, "the healthy player was sent %d frames, told that it is slow: %v\n", frames, told)
	ratio, ok := standing(v.during)
	if !ok {
		return errors.Join(wrong, errors.New("too few of them stood still together to say anything of memory: the machine is too slow"))
	}
	peak := slices.MaxFunc(v.during, func(a, b sample) int { return cmp.Compare(a.memory, b.memory) })
	each := (float64(peak.memory) - before) / float64(v.players)
	fmt.Fprintf(out, "while the first %d stood still memory became %.2f times what it was; at its peak, with others in their place, it was %.1f KB each\n", v.players, ratio, each/1e3)
	if wrong == nil && told {
		wrong = errors.New("the healthy player was told that it is slow")
	}
	if wrong == nil && frames == 0 {
		wrong = errors.New("the healthy player was sent nothing")
	}
	if ratio > mayGrow {
		wrong = errors.Join(wrong, fmt.Errorf("memory grew to %.2f times while nobody read; %.1f is allowed", ratio, mayGrow))
	}
	if each > mayHold {
		wrong = errors.Join(wrong, fmt.Errorf("a player who does not read cost %.1f KB; %d are allowed", each/1e3, mayHold>>10))
	}
	return wrong
}

// standing is how memory grew while the first players who do not read were all
// there: the median of the second half of that time over that of the first. The
// first samples, in which sockets fill, do not count.
func standing(during []sample) (ratio float64, ok bool) {
	n := 0
	for n < len(during) && during[n].connections == during[0].connections && during[n].accepted == during[0].accepted {
		n++
	}
	const filling, enough = 2, 4
	if n < filling+enough {
		return 0, false
	}
	list := during[filling:n]
	return medianMemory(list[len(list)/2:]) / medianMemory(list[:len(list)/2]), true
}

// herd is the players who do not read. They keep their sockets open until the
// end, so that it is the server who closes them.
type herd struct {
	crew  *crew
	table table
	mu    sync.Mutex
	all   []*peer
}

// others are the clients outside the herd: the publisher and the healthy
// player.
const others = 2

// add connects n more players, as far as the server takes them.
func (h *herd) add(ctx context.Context, n int) {
	var wg sync.WaitGroup
	places := make(chan struct{}, arrivals)
	for range n {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			p, found, err := h.crew.play(ctx, 8<<10, nil, "s", -1000)
			if err != nil || !found {
				return // missing players are added with the next
			}
			p.deaf.Store(true)
			h.mu.Lock()
			h.all = append(h.all, p)
			h.mu.Unlock()
		})
	}
	wg.Wait()
}

// watch looks at the server for a time, in which it keeps so many players in
// the herd: those that the server closes are followed by others.
func (h *herd) watch(ctx context.Context, phase string, d time.Duration, keep int) (list []sample, err error) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for until := time.Now().Add(d); time.Now().Before(until); {
		one, err := h.crew.server.sample(ctx)
		if err != nil {
			return list, err
		}
		h.table.row(phase, one)
		list = append(list, one)
		if missing := keep - (one.connections - others); missing > 0 {
			h.add(ctx, missing)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return list, ctx.Err()
		}
	}
	return list, nil
}

// closed waits until the server has closed every one of them.
func (h *herd) closed(ctx context.Context) error {
	for until := time.Now().Add(closedWithin); ; {
		one, err := h.crew.server.sample(ctx)
		if err != nil {
			return err
		}
		if one.connections == others {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d players who do not read are still connected after %v", one.connections-others, h.size(), closedWithin)
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (h *herd) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

func (h *herd) close() {
	for _, p := range h.all {
		p.close()
	}
}
