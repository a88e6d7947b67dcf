package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	publisher, err := s.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer publisher.close()
	if err := publisher.command("publish", "s", "live"); err != nil {
		return err
	}
	if _, err := publisher.await(ctx, "NetStream.Publish.Start"); err != nil {
		return err
	}
	feeding, endFeed := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() { fed <- c.sendFrames(feeding, publisher, stallSize, 50) }()
	stopFeed := sync.OnceValue(func() error { endFeed(); return <-fed })
	defer func() { _ = stopFeed() }() // for the returns before it is asked

	w := &witness{live: true}
	healthy, found, err := c.play(ctx, 0, w, "s", -1000)
	if !found {
		return errors.Join(errors.New("the healthy player does not play"), err)
	}
	defer healthy.close()

	h := &herd{crew: c}
	defer h.close()
	t := table{out: os.Stdout}
	fmt.Printf("a stream of %.1f Mbit/s, a healthy player, and %d who stop reading\n\n", float64(stallSize)*25*8/1e6, n)
	watch := func(name string, d time.Duration, keep int) (list []sample, err error) {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for until := time.Now().Add(d); time.Now().Before(until); {
			one, err := s.sample(ctx)
			if err != nil {
				return list, err
			}
			t.row(name, one)
			list = append(list, one)
			// The publisher and the healthy one are clients as well.
			if missing := keep - (one.connections - 2); missing > 0 {
				h.come(ctx, missing)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return list, ctx.Err()
			}
		}
		return list, nil
	}
	before, err := watch("before", calmFor, 0)
	if err != nil {
		return err
	}
	h.come(ctx, n)
	during, err := watch("stalled", stallFor, n)
	if err != nil {
		return err
	}
	came := h.size()
	for until := time.Now().Add(closedWithin); ; {
		one, err := s.sample(ctx)
		if err != nil {
			return err
		}
		if one.connections == 2 {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d players who do not read are still connected after %v", one.connections-2, came, closedWithin)
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
	after, err := watch("after", calmFor, 0)
	if err != nil {
		return err
	}
	if err := stopFeed(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	frames, told, wrong := w.result()
	memory := [3]float64{medianMemory(before), medianMemory(during), medianMemory(after)}
	fmt.Printf("\nmemory %.1f MB before, %.1f MB with %d players who do not read (%.1f KB each), %.1f MB after\n",
		memory[0]/1e6, memory[1]/1e6, n, (memory[1]-memory[0])/1e3/float64(n), memory[2]/1e6)
	fmt.Printf("%d such players came, and the server closed every one\n", came)
	fmt.Printf("the healthy player was sent %d frames, told that it is slow: %v\n", frames, told)
	ratio, ok := standing(during)
	if !ok {
		return errors.Join(wrong, errors.New("too few of them stood still together to say anything of memory: the machine is too slow"))
	}
	peak := slices.MaxFunc(during, func(a, b sample) int { return cmp.Compare(a.memory, b.memory) })
	each := (float64(peak.memory) - memory[0]) / float64(n)
	fmt.Printf("while the first %d stood still memory became %.2f times what it was; at its peak, with others in their place, it was %.1f KB each\n", n, ratio, each/1e3)
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
	crew *crew
	mu   sync.Mutex
	all  []*peer
}

// come brings n more, as far as the server takes them.
func (h *herd) come(ctx context.Context, n int) {
	var wg sync.WaitGroup
	places := make(chan struct{}, arrivals)
	for range n {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			p, found, err := h.crew.play(ctx, 8<<10, nil, "s", -1000)
			if err != nil || !found {
				return // those who are missing come with the next
			}
			p.deaf.Store(true)
			h.mu.Lock()
			h.all = append(h.all, p)
			h.mu.Unlock()
		})
	}
	wg.Wait()
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
