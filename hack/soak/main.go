package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/flashpod", "the program to soak; one built with -race finds races as well")
	flag.DurationVar(&o.time, "time", 20*time.Minute, "how long clients come and go")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what is random")
	flag.IntVar(&o.clients, "clients", 60, "how many clients there are at once")
	flag.DurationVar(&o.every, "every", 10*time.Second, "how often the server is looked at")
	flag.IntVar(&o.stalled, "stalled", 0, "show that so many players who stopped reading do no harm, for 60 s, instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type options struct {
	server  string
	time    time.Duration
	seed    uint64
	clients int
	every   time.Duration
	stalled int
}

func run(ctx context.Context, o options) (err error) {
	s, err := serve(o.server)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.stop(); err == nil {
			err = e
		}
	}()
	if o.stalled > 0 {
		return stall(ctx, s, o.stalled)
	}
	return soak(ctx, s, o)
}

// soak lets clients come and go, and judges what is left of them.
func soak(ctx context.Context, s *server, o options) error {
	fmt.Printf("seed %d, %d clients for %v, server %s\n\n", o.seed, o.clients, o.time, o.server)
	random := rand.New(rand.NewPCG(o.seed, o.seed))
	c := newCrew(s)

	// What a server makes at its first client and keeps is no leak.
	if err := c.warmUp(ctx); err != nil {
		return fmt.Errorf("first clients: %w", err)
	}
	idle, err := s.settled(ctx, nil)
	if err != nil {
		return err
	}
	t := table{out: os.Stdout}
	t.row("idle", idle)

	running, cancel := context.WithTimeout(ctx, o.time)
	defer cancel()
	for range o.clients {
		c.start(running, rand.New(rand.NewPCG(random.Uint64(), random.Uint64())))
	}
	var during []sample
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for began := time.Now(); running.Err() == nil; {
		select {
		case <-tick.C:
			one, err := s.sample(ctx)
			if err != nil {
				return err
			}
			during = append(during, one)
			t.row(time.Since(began).Round(time.Second).String(), one)
		case <-running.Done():
		}
	}
	c.wait()
	after, err := s.settled(ctx, &idle)
	t.row("after", after)
	fmt.Println()
	c.report(os.Stdout)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.stop(); err != nil {
		return err
	}
	return verdict(os.Stdout, o.time, during, c)
}
