//go:build clients

package server

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

const (
	pictureEvery = 20 * time.Millisecond
	pictureBytes = 2000
	// watchedFor is how long watching may take: a trial, and as long again before it and
	// after it.
	watchedFor = 3*servertest.Patience + floodFor
)

// didSee is what those who watch have seen.
type didSee struct {
	Late  []time.Duration // of each picture
	LetIn []time.Duration // of each publisher
	Lost  string          // what went wrong; empty: nothing
}

// judge returns how late pictures are, and how long a publisher took at the most.
func (d *didSee) judge(t *testing.T) (median, p99, letIn time.Duration) {
	t.Helper()
	if d.Lost != "" {
		t.Error(d.Lost)
	}
	if len(d.Late) == 0 || len(d.LetIn) == 0 {
		t.Fatalf("%d pictures came, and %d publishers were let in", len(d.Late), len(d.LetIn))
	}
	slices.Sort(d.Late)
	return d.Late[len(d.Late)/2], d.Late[len(d.Late)*99/100], slices.Max(d.LetIn)
}

// watchSpending is the process that watches: it publishes a stream with the key and
// plays it, and lets one publisher after another come and go.
func watchSpending(t *testing.T, args roleArgs, heard *bufio.Scanner) {
	ctx, cancel := context.WithTimeout(t.Context(), watchedFor)
	defer cancel()
	l := beside(t, ctx, args.RTMP)
	sayWith("ready", nil)
	listen(t, heard, "measure")
	from := l.come.Load()
	stopped, stop := context.WithCancel(ctx)
	var saw didSee
	var others sync.WaitGroup
	others.Go(func() { saw.LetIn, saw.Lost = comeAndGo(ctx, stopped, args.RTMP) })
	listen(t, heard, "end")
	stop()
	others.Wait()
	l.stop()
	if err := <-l.done; err != nil {
		saw.Lost += fmt.Sprintf(" the stream that is watched: %v", err)
	}
	saw.Late = l.late[from:]
	sayWith("saw", saw)
}

// comeAndGo has publishers with the key come and go until it is stopped, and
// returns how long each took to be let in. The last may take its time.
func comeAndGo(ctx, stopped context.Context, address string) (letIn []time.Duration, lost string) {
	rest := time.NewTicker(100 * time.Millisecond)
	defer rest.Stop()
	for n := 0; ; n++ {
		name := fmt.Sprint("other", n)
		began := time.Now()
		one, cancel := context.WithTimeout(ctx, servertest.Patience)
		c, err := publishOther(one, address, name)
		cancel()
		letIn = append(letIn, time.Since(began))
		if err != nil {
			return letIn, fmt.Sprintf("publisher %s was not let in: %v.", name, err)
		}
		c.Close()
		select {
		case <-rest.C:
		case <-ctx.Done():
			return letIn, ""
		}
		if stopped.Err() != nil {
			return letIn, ""
		}
	}
}

func publishOther(ctx context.Context, address, name string) (*rtmp.NetConnection, error) {
	c, err := rtmp.Connect(ctx, "rtmp://"+address+"/app/one/"+name, rtmp.Config{})
	if err != nil {
		return nil, err
	}
	s, err := c.CreateStream(ctx)
	if err == nil {
		err = s.Publish(ctx, name+"?key="+spendingKey, "live")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// live is a stream that is published and watched.
type live struct {
	stop  context.CancelFunc
	done  chan error // of its publisher
	first chan struct{}

	come atomic.Int64
	late []time.Duration // of each picture; by the player's goroutine, until done
}

// beside publishes a stream with the key, and plays it.
func beside(t *testing.T, ctx context.Context, address string) *live {
	t.Helper()
	l := &live{done: make(chan error, 1), first: make(chan struct{}), late: make([]time.Duration, 0, 1<<12)}
	connect := func() *rtmp.NetStream {
		c, err := rtmp.Connect(ctx, "rtmp://"+address+"/app/one/live", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.CreateStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	out, in := connect(), connect()
	if err := out.Publish(ctx, "live?key="+spendingKey, "live"); err != nil {
		t.Fatal(err)
	}
	l.plays(in)
	if err := in.Play(ctx, "live", rtmp.PlayLive); err != nil {
		t.Fatal(err)
	}
	var stopped context.Context
	stopped, l.stop = context.WithCancel(ctx)
	go func() { l.done <- l.publish(ctx, stopped, out) }()
	select {
	case <-l.first:
	case <-ctx.Done():
		t.Fatal("no picture came")
	}
	return l
}

// plays notes how late each picture comes: its payload says when it was sent.
func (l *live) plays(in *rtmp.NetStream) {
	in.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeVideo || len(m.Payload) < 13 {
			return nil
		}
		at := time.Unix(0, int64(binary.BigEndian.Uint64(m.Payload[5:])))
		l.late = append(l.late, time.Since(at))
		if l.come.Add(1) == 1 {
			close(l.first)
		}
		return nil
	})
}

// publish sends pictures until it is stopped, and then waits for the last of
// them to be played.
func (l *live) publish(ctx, stopped context.Context, out *rtmp.NetStream) error {
	tick := time.NewTicker(pictureEvery)
	defer tick.Stop()
	var sent int64
	for {
		select {
		case <-tick.C:
			payload := make([]byte, 5, pictureBytes)
			payload[0] = 0x12 // of a codec without headers: each picture is a key frame
			payload = binary.BigEndian.AppendUint64(payload, uint64(time.Now().UnixNano()))
			at := media.Timestamp(pictureEvery.Milliseconds() * sent)
			if err := out.Send(ctx, &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: payload[:cap(payload)]}); err != nil {
				return err
			}
			sent++
		case <-stopped.Done():
			for l.come.Load() < sent {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return fmt.Errorf("%d pictures of %d have come", l.come.Load(), sent)
				}
			}
			return nil
		}
	}
}
