package main

import (
	"bytes"
	"fmt"
	"net/netip"
)

// webPairs is how often RTMP players and viewers by HTTP take turns.
const webPairs = 5

// way is how viewers are sent a stream.
type way struct {
	name    string
	request string // nothing: RTMP
	framed  bool   // in a WebSocket
}

var (
	byRTMP = way{name: "RTMP"}
	ways   = []way{
		{"HTTP-FLV", "GET /bench/s.flv HTTP/1.1\r\nHost: bench\r\n\r\n", false},
		{"WebSocket-FLV", "GET /bench/s.flv HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", true},
	}
)

// webRow holds viewers of FLV against RTMP players of a server of their own, in turns:
// where a write carries a picture, and where it carries many.
func webRow(b *bench) ([]result, error) {
	var out []result
	for _, c := range []struct {
		latency string
		n       int
	}{{"Throughput", b.players(3000)}, {"Balanced", b.players(500)}} {
		got, err := b.webPairs(c.latency, c.n)
		if out = append(out, got...); err != nil {
			return out, err
		}
	}
	for _, w := range ways {
		r, err := b.webBytes(w, b.players(3000))
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// webPairs measures CPU per MB and memory of each way, in turns.
func (b *bench) webPairs(latency string, n int) (out []result, err error) {
	all := append([]way{byRTMP}, ways...)
	costs, memory := make([][]float64, len(all)), make([]int64, len(all))
	for range webPairs {
		for i, w := range all {
			us, rss, err := b.audienceOf(w, latency, n)
			if err != nil {
				return out, fmt.Errorf("%s: %w", w.name, err)
			}
			costs[i], memory[i] = append(costs[i], us), rss
		}
	}
	for i, w := range all[1:] {
		var ratios []float64
		for k, us := range costs[i+1] {
			ratios = append(ratios, us/costs[0][k])
		}
		each := fmt.Sprintf("%.2f", ratios)
		r := result{
			what:   fmt.Sprintf("CPU per MB to %d viewers by %s, %s, median of pairs", n, w.name, latency),
			figure: fmt.Sprintf("%.0f µs", median(costs[i+1])), target: "at most 1.15×", ratio: median(ratios),
			floor: fmt.Sprintf("RTMP %.0f, pairs %s", median(costs[0]), each),
		}
		r.verdict = judge(r.ratio <= 1.15)
		out = append(out, r, result{
			what:   fmt.Sprintf("memory a viewer by %s, all of the server's divided, %s", w.name, latency),
			figure: kb(float64(memory[i+1]) / float64(n)), floor: "RTMP " + kb(float64(memory[0])/float64(n)),
		})
	}
	return out, nil
}

// audienceOf is CPU per MB and memory with n viewers of one stream.
func (b *bench) audienceOf(w way, latency string, n int) (us float64, rss int64, err error) {
	a, err := b.gatherWeb(w, latency, n)
	if err != nil {
		return 0, 0, err
	}
	defer a.end()
	a.load.pace = spinning
	if us, err = a.cost(b.window); err != nil {
		return 0, 0, err
	}
	rss, err = rssOf(a.pid())
	return us, rss, err
}

// gatherWeb starts a server with n viewers of one stream.
func (b *bench) gatherWeb(w way, latency string, n int) (*audience, error) {
	t, err := b.serveWith(latency, []string{"--web-address", "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	if w.request == "" {
		return gatherAt(t, []string{"s"}, n)
	}
	a := &audience{target: t}
	if a.feed, err = publish(t, "live", "s"); err == nil {
		a.load, err = newLoader(t.addr, t.app)
	}
	for i := 0; i < n && err == nil; i++ {
		err = a.load.addWeb(t.web, w)
		a.load.step(0) // viewers that are there already take what they are sent
	}
	if err != nil {
		a.end()
		return nil, err
	}
	a.load.run(settle)
	return a, nil
}

// addWeb connects a viewer, and waits until it is answered: what it gets from then on is
// counted and thrown away. The words of an RTMP player that plays are none to it.
func (l *loader) addWeb(to netip.AddrPort, w way) error {
	fd, err := dial(to)
	if err != nil {
		return err
	}
	p := &player{fd: fd, stage: playing}
	status := "HTTP/1.1 200"
	if w.framed {
		status = "HTTP/1.1 101"
	}
	err = sendAll(fd, []byte(w.request))
	for err == nil && p.got < uint64(len(status)) {
		var n int
		if n, err = fdConn(fd).Read(l.sink[p.got:]); err == nil {
			p.got += uint64(n)
		}
	}
	if err == nil && !bytes.HasPrefix(l.sink, []byte(status)) {
		err = fmt.Errorf("it is answered %.200q", l.sink[:p.got])
	}
	if err != nil {
		closeSocket(fd)
		return fmt.Errorf("a viewer by %s: %w", w.name, err)
	}
	l.ready++
	return l.watch(p)
}

// webBytes counts bytes, as manyRow does.
func (b *bench) webBytes(w way, n int) (r result, err error) {
	a, err := b.gatherWeb(w, "Throughput", n)
	if err != nil {
		return r, err
	}
	defer a.end()
	from := a.quiet()
	a.load.mark()
	before, err := used(a.pid())
	if err != nil {
		return r, err
	}
	a.feed.resume()
	a.load.run(b.window)
	to := a.quiet()
	after, err := used(a.pid())
	if err != nil {
		return r, err
	}
	if err := a.feed.failure(); err != nil {
		return r, err
	}
	want := uint64(0)
	for k := from; k < to; k++ {
		want += uint64(w.tickBytes(int(k)))
	}
	least, most := a.load.spread()
	share := float64(after.cpu-before.cpu) / float64(after.at.Sub(before.at))
	return result{
		what:   fmt.Sprintf("bytes delivered to each of %d viewers by %s on one core", n, w.name),
		figure: fmt.Sprintf("%d to %d, %d lost their connection; %.0f %% of the core", least, most, a.load.dead, 100*share),
		floor:  fmt.Sprintf("published %d", want),
		target: "all, to the byte", verdict: judge(least == want && most == want && a.load.dead == 0),
	}, nil
}

// tickBytes is how many bytes a viewer is sent for frame n.
func (w way) tickBytes(n int) (total int) {
	u := makeUnit(n)
	sizes := []int{len(u.video)}
	for range u.audio {
		sizes = append(sizes, audioSize)
	}
	for _, size := range sizes {
		const tag = 11 + 4 // header, and its length behind it
		size += tag
		if w.framed {
			switch { // RFC 6455 §5.2
			case size < 126:
				size += 2
			case size < 1<<16:
				size += 4
			default:
				size += 10
			}
		}
		total += size
	}
	return total
}
