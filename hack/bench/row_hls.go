package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// hlsViewers is how many watch: few enough that the clients' core carries them.
const hlsViewers = 400

// hlsRow measures viewers of low-latency HLS, each of whom asks for the playlist with the
// next part before that is there, and then for the part, and as many RTMP players beside
// them, of a server of their own.
func hlsRow(b *bench) ([]result, error) {
	n := b.players(hlsViewers)
	watched, bytes, err := b.watchHLS(n)
	if err != nil {
		return nil, err
	}
	a, err := b.gather("Balanced", n)
	if err != nil {
		return nil, err
	}
	defer a.end()
	played, err := shareOf(a.child, b.window, func() { a.load.run(b.window) })
	if err != nil {
		return nil, err
	}
	return []result{{
		what:   fmt.Sprintf("viewers of low-latency HLS a core, of %d who watch (%.2f Mbit/s each)", n, bytes*8/1e6/float64(n)),
		figure: fmt.Sprintf("%.0f", float64(n)/watched),
		floor:  fmt.Sprintf("RTMP players, Balanced: %.0f", float64(n)/played), ratio: played / watched,
	}}, nil
}

// shareOf is how much of a core a server takes while something is done.
func shareOf(c *child, window time.Duration, do func()) (float64, error) {
	before, err := used(c.pid())
	if err != nil {
		return 0, err
	}
	began := time.Now()
	do()
	after, err := used(c.pid())
	return (after.cpu - before.cpu).Seconds() / max(time.Since(began), window/2).Seconds(), err
}

// watchHLS is how much of a core n viewers take, and how many bytes a second they get.
func (b *bench) watchHLS(n int) (share, bytes float64, err error) {
	t, err := b.serveWith("Balanced", []string{"--web-address", "127.0.0.1:0"})
	if err != nil {
		return 0, 0, err
	}
	defer t.stop()
	feed, err := publish(t, "live", "s")
	if err != nil {
		return 0, 0, err
	}
	defer feed.close()
	var all sync.WaitGroup
	var got atomic.Int64
	failed := make(chan error, n)
	stop := make(chan struct{})
	ready := make(chan struct{}, n)
	for range n {
		all.Go(func() {
			v := hlsViewer{base: "http://" + t.web.String() + "/bench/s/", got: &got}
			defer v.client.CloseIdleConnections()
			if err := v.watch(ready, stop); err != nil {
				failed <- err
			}
		})
	}
	for range n {
		select {
		case <-ready:
		case err = <-failed:
		}
	}
	if err == nil {
		time.Sleep(settle)
		from := got.Load()
		share, err = shareOf(t.child, b.window, func() { time.Sleep(b.window) })
		bytes = float64(got.Load()-from) / b.window.Seconds()
	}
	close(stop)
	all.Wait()
	select {
	case why := <-failed:
		err = errors.Join(err, why)
	default:
	}
	return share, bytes, errors.Join(err, feed.failure())
}

// hlsViewer is one player, with a connection of its own.
type hlsViewer struct {
	base   string
	client http.Client
	got    *atomic.Int64
}

// hintPattern finds what comes next in a playlist: the number of its segment, its own, and
// what the server knows the viewer by.
var hintPattern = regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="(v0-(\d+)\.(\d+)\.m4s(?:\?([^"]*))?)"`)

// watch plays until it is told to stop.
func (v *hlsViewer) watch(ready chan<- struct{}, stop <-chan struct{}) error {
	v.client.Transport = &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}
	text, err := v.get("v0.m3u8")
	for first := true; err == nil; first = false {
		hint := hintPattern.FindStringSubmatch(text)
		if hint == nil {
			return fmt.Errorf("a playlist says nothing of what comes: %.300s", text)
		}
		if text, err = v.get(fmt.Sprintf("v0.m3u8?%s&_HLS_msn=%s&_HLS_part=%s", hint[4], hint[2], hint[3])); err != nil {
			break
		}
		if _, err = v.get(hint[1]); err != nil {
			break
		}
		if first {
			ready <- struct{}{}
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
	return err
}

func (v *hlsViewer) get(file string) (string, error) {
	r, err := v.client.Get(v.base + file)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	v.got.Add(int64(len(b)))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %.200s", file, r.Status, b)
	}
	return string(b), err
}
