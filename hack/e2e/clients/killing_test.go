//go:build clients

package clients

import (
	"context"
	"fmt"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// killing is how a server is killed, and what was known of its recording when it
// was.
type killing struct {
	mode, name string
	speed      float64       // of the publisher, times as fast as its clock
	rounds     int           // of the film
	after      time.Duration // from the first frame to the kill, or to the end
	end        bool          // the publisher ends its recording before
	pause      time.Duration // from there to the kill
	what       string        // for messages

	sent     []uint64 // everything that the publisher sent
	seen     int      // pictures that a viewer saw more than a second before
	finished bool     // the publisher was told that its recording is finished
}

// plan decides how the next server is killed.
func (v *victim) plan() *killing {
	k := &killing{name: "cam", rounds: 1}
	k.mode = []string{"record", "append", "appendWithGap", "live"}[v.rand.IntN(4)]
	if k.mode == "live" {
		k.name = "dated" // the manifest has every stream recorded
	}
	k.speed = 1 + 5*v.rand.Float64()
	k.after = time.Duration(v.rand.Int64N(int64(2200 * time.Millisecond)))
	k.end = v.rand.IntN(5) < 2
	if k.end {
		k.after /= 2
	}
	if v.rand.IntN(4) == 0 {
		// As fast as it goes, so that it dies in the middle of large writes.
		k.speed, k.after, k.rounds = 1e6, k.after/10, 12
	}
	k.pause = time.Duration(v.rand.Int64N(int64(12 * time.Millisecond)))
	k.what = fmt.Sprintf("%s, %.1f times as fast, killed after %v", k.mode, k.speed, k.after)
	if k.end {
		k.what += fmt.Sprintf(" and %v into its end", k.pause)
	}
	return k
}

// live starts a server, looks at what the last one left, publishes, and kills.
func (v *victim) live() {
	t := v.t
	t.Helper()
	v.restart()
	k := v.plan()
	v.killed = k

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	player, seen := v.watch(ctx, k.name)
	defer player.Close()
	publisher, published := v.connect(ctx, k.name)
	defer publisher.Close()
	if err := published.Publish(ctx, k.name, k.mode); err != nil {
		t.Fatal(err)
	}
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		k.publish(ctx, publishing.Done(), published, v.media())
	}()
	<-time.After(k.after)
	ended := make(chan error, 1)
	if k.end {
		stop()
		<-stopped
		go func() { ended <- published.Unpublish(ctx) }()
		<-time.After(k.pause)
	}
	at := time.Now()
	v.server.kill()
	publisher.Close()
	stop()
	<-stopped
	if k.end {
		k.finished = <-ended == nil
	}
	k.seen = seen(at.Add(-time.Second))
	if v.rand.IntN(3) == 0 {
		v.tear()
	}
}

// publish sends the film, each tag at its time, until it is over or stopped.
func (k *killing) publish(ctx context.Context, stop <-chan struct{}, to *rtmp.NetStream, film []flv.Tag) {
	began := time.Now()
	for i := range k.rounds * len(film) {
		tag := film[i%len(film)]
		tag.Timestamp += media.Timestamp(i / len(film) * 20_000)
		due := time.Duration(float64(tag.Timestamp)/k.speed) * time.Millisecond
		select {
		case <-time.After(time.Until(began.Add(due))):
		case <-stop:
			return
		}
		k.sent = append(k.sent, digest(tag)) // before: half of it may arrive
		if to.Send(ctx, &rtmp.Message{Type: rtmp.MessageType(tag.Type), Timestamp: tag.Timestamp, Payload: tag.Data}) != nil {
			return
		}
	}
}

// watch has a viewer play a name. seen is how many pictures it had before a time.
func (v *victim) watch(ctx context.Context, name string) (player *rtmp.NetConnection, seen func(before time.Time) int) {
	v.t.Helper()
	var mu sync.Mutex
	var times []time.Time
	player, played := v.connect(ctx, name)
	played.OnMedia(func(m *rtmp.Message) error {
		if isPicture(uint8(m.Type), m.Payload) {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Now())
		}
		return nil
	})
	if err := played.Play(ctx, name, rtmp.PlayLive); err != nil {
		v.t.Fatal(err)
	}
	v.server.untilMetric("players", 1)
	return player, func(before time.Time) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, at := range times {
			if at.Before(before) {
				n++
			}
		}
		return n
	}
}
