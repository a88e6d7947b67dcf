package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sort"
	"sync"
	"time"
)

// crew is the clients: each connects, does one of the acts, disconnects, and
// connects again as another.
type crew struct {
	server *server
	wg     sync.WaitGroup

	mu       sync.Mutex
	done     map[string]int // acts, by name
	cut      map[string]int // of those, ended by an error of the connection
	frames   int
	slow     int // players that were told so
	wrong    []string
	lastPubl uint32
}

func newCrew(s *server) *crew {
	return &crew{server: s, done: map[string]int{}, cut: map[string]int{}}
}

// act is what a client does on one connection. Its error is one
// of the connection; what the server does wrong goes to crew.judge.
type act struct {
	name   string
	weight int
	run    func(*crew, context.Context, *rand.Rand) error
}

var acts = []act{
	{"publish, leave politely", 10, func(c *crew, ctx context.Context, r *rand.Rand) error { return c.publish(ctx, r, politely) }},
	{"publish, vanish", 5, func(c *crew, ctx context.Context, r *rand.Rand) error { return c.publish(ctx, r, vanishing) }},
	{"publish, vanish in a message", 5, func(c *crew, ctx context.Context, r *rand.Rand) error { return c.publish(ctx, r, torn) }},
	{"play live", 20, (*crew).playLive},
	{"play live, pause and receive", 8, (*crew).playMoody},
	{"play live, stop reading", 8, (*crew).playDeaf},
	{"play recorded, seek and pause", 12, (*crew).playRecorded},
	{"playlist", 4, (*crew).playList},
	{"half a handshake", 6, (*crew).halfShake},
	{"nonsense", 4, (*crew).nonsense},
	{"connect and wait", 4, (*crew).lurk},
	{"many streams", 4, (*crew).manyStreams},
	{"ask over HTTP", 4, (*crew).askHTTP},
}

// pick chooses by weight.
func pick(r *rand.Rand) act {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	n := r.IntN(total)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			return a
		}
	}
	panic("soak: weights do not add up")
}

// start makes a client, which goes on until ctx ends.
func (c *crew) start(ctx context.Context, r *rand.Rand) {
	c.wg.Go(func() {
		for pause(ctx, between(r, 0, 2*time.Second)) {
			a := pick(r)
			c.count(a.name, a.run(c, ctx, r), ctx)
		}
	})
}

// wait returns when all clients have left.
func (c *crew) wait() { c.wg.Wait() }

// warmUp has every act done once, shortly.
func (c *crew) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for _, a := range acts {
		c.wg.Go(func() {
			r := rand.New(rand.NewPCG(1, 1))
			c.count(a.name, a.run(c, ctx, r), ctx)
		})
	}
	c.wg.Wait()
	return c.failure()
}

func (c *crew) count(name string, err error, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done[name]++
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		c.cut[name]++
	}
}

// judge takes what a player has seen.
func (c *crew) judge(name string, w *witness) {
	frames, told, err := w.result()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames += frames
	if told {
		c.slow++
	}
	if err != nil && len(c.wrong) < 20 {
		c.wrong = append(c.wrong, fmt.Sprintf("%s: %v", name, err))
	}
}

// publication numbers publications.
func (c *crew) publication() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastPubl++
	return c.lastPubl
}

// failure says what players have seen that is wrong.
func (c *crew) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d players saw something wrong, among them: %s", len(c.wrong), c.wrong[0])
}

// report prints what the crew did.
func (c *crew) report(out io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.done))
	for name := range c.done {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(out, "%-32s %6s %6s\n", "what clients did", "times", "cut")
	for _, name := range names {
		fmt.Fprintf(out, "%-32s %6d %6d\n", name, c.done[name], c.cut[name])
	}
	fmt.Fprintf(out, "%d frames were checked; %d players were told that they are slow\n", c.frames, c.slow)
	for _, w := range c.wrong {
		fmt.Fprintln(out, "wrong:", w)
	}
	fmt.Fprintln(out)
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// askHTTP looks at everything that is served over HTTP.
func (c *crew) askHTTP(ctx context.Context, r *rand.Rand) error {
	for range 3 {
		for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/nothing"} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.server.http+path, nil)
			if err != nil {
				return err
			}
			res, err := web.Do(req)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if err != nil {
				return err
			}
		}
		if !pause(ctx, between(r, 0, time.Second)) {
			break
		}
	}
	return nil
}
