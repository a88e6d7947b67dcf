package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// The object that all look at changes as a client's of Flash does that sets its fps: 24
// times a second it says what has changed, here 20 slots at once.
const (
	objectName = "board"
	fps        = 24
	slotsTold  = 20
	stampSlot  = "stamp" // has the time at which its change was sent
)

func objectWords(events ...sharedobject.Event) []byte {
	m := sharedobject.Message{Name: objectName, Events: events}
	return rtmp.AppendChunks(nil, &rtmp.Message{Type: rtmp.TypeSharedObject, Payload: m.Encode(false)[1:]}, chunkSize)
}

// useWords ask for the object.
func useWords() []byte { return objectWords(sharedobject.Event{Type: sharedobject.Use}) }

// setter is a client that changes the object, on a thread of its own.
type setter struct {
	fd     int
	load   *loader
	paused atomic.Bool
	stop   atomic.Bool
	sent   atomic.Int64 // messages
	chat   bool         // it sends lines to all instead
	wg     sync.WaitGroup
	err    error // valid once it has ended
}

// change begins to change the object; lines says that what is sent are lines of a chat
// of 20 a second.
func change(t *target, lines bool) (*setter, error) {
	l, err := newLoader(t.addr, t.app)
	if err != nil {
		return nil, err
	}
	l.wants = rtmp.TypeSharedObject
	if err := l.open(1, same(useWords())); err != nil {
		l.close()
		return nil, err
	}
	s := &setter{fd: l.players[0].fd, load: l, chat: lines}
	s.wg.Go(s.run)
	return s, nil
}

func (s *setter) run() {
	runtime.LockOSThread()
	preferThread()
	every := int64(time.Second) / fps
	if s.chat {
		every = int64(time.Second) / 20
	}
	for n, begun := int64(1), clock(); !s.stop.Load(); n++ {
		nap(begun + n*every - clock())
		s.load.step(0) // what it is told
		if s.paused.Load() {
			continue
		}
		if err := sendAll(s.fd, s.words(int(n))); err != nil {
			s.err = err
			return
		}
		s.sent.Add(1)
	}
	if s.load.dead > 0 {
		s.err = s.load.why
	}
}

func (s *setter) words(n int) []byte {
	if s.chat {
		v, err := sharedobject.NewValue("onLine", fmt.Sprintf("line %d of somebody who has something to say", n))
		if err != nil {
			panic(err)
		}
		return objectWords(sharedobject.Event{Type: sharedobject.SendMessage, Value: v})
	}
	events := make([]sharedobject.Event, 0, slotsTold)
	for i := range slotsTold {
		name, value := stampSlot, float64(clock())
		if i > 0 {
			name, value = fmt.Sprintf("slot%d", i), float64(n)
		}
		v, err := sharedobject.NewValue(value)
		if err != nil {
			panic(err)
		}
		events = append(events, sharedobject.Event{Type: sharedobject.RequestChange, Name: name, Value: v})
	}
	return objectWords(events...)
}

func (s *setter) end() error {
	s.stop.Store(true)
	s.wg.Wait()
	s.load.close()
	return s.err
}

// lookers are a few clients of the object that take every message apart.
type lookers struct {
	*witnesses
	changes map[*player]int
	late    map[float64]float64 // of each stamp, how many ms until the last of them read it
}

func look(t *target) (*lookers, error) {
	w, err := watch(t, "")
	if err != nil {
		return nil, err
	}
	k := &lookers{w, map[*player]int{}, map[float64]float64{}}
	w.mu.Lock()
	w.load.wants = rtmp.TypeSharedObject
	w.mu.Unlock()
	w.words = useWords()
	w.listens = k.hear
	return k, nil
}

var stampMark = binary.BigEndian.AppendUint16(nil, uint16(len(stampSlot)))

// hear counts changes, and how late that of the stamp is.
func (k *lookers) hear(p *player, m message) {
	if m.kind != rtmp.TypeSharedObject || !k.measuring.Load() {
		return
	}
	if m.size > len(m.head) {
		k.lost++ // too long to be looked at
		return
	}
	got, err := sharedobject.Parse(m.head, 1<<20)
	if err != nil {
		k.lost++
		return
	}
	for _, e := range got.Events {
		if e.Type == sharedobject.Change {
			k.changes[p]++
		}
	}
	mark := append(stampMark[:2:2], stampSlot...)
	for rest := m.head; ; { // a message may have several changes of it
		_, behind, found := bytes.Cut(rest, mark)
		if !found || len(behind) < 9 {
			return
		}
		sent := math.Float64frombits(binary.BigEndian.Uint64(behind[1:]))
		k.late[sent] = max(k.late[sent], (float64(k.load.now)-sent)/1e6)
		rest = behind[9:]
	}
}

// told is how many changes each of them was told, at least.
func (k *lookers) told() int {
	least := math.MaxInt
	for _, n := range k.changes {
		least = min(least, n)
	}
	if len(k.changes) < witnessCount+1 {
		return 0
	}
	return least
}

// object is what the clients of an object cost and hear.
type object struct {
	rate, share, clients float64 // changes a second of CPU; of the server's core, and the other
	us                   float64 // CPU per MB
	perSecond            float64 // bytes to each
	p50, p99             float64 // ms from the setter to the last witness
	each                 float64 // bytes of memory a client
	rss                  int64
	asked                int     // changes that the setter made
	told                 float64 // how many of them each heard of, at least; a slot that changes twice may be told once
}

// objectAt measures n clients of an object.
func (b *bench) objectAt(n int, window time.Duration) (v object, err error) {
	t, err := b.serve("Balanced")
	if err != nil {
		return v, err
	}
	defer t.stop()
	empty, err := rssOf(t.pid())
	if err != nil {
		return v, err
	}
	l, err := newLoader(t.addr, t.app)
	if err != nil {
		return v, err
	}
	defer l.close()
	l.wants = rtmp.TypeSharedObject
	k, err := look(t)
	if err != nil {
		return v, err
	}
	err = k.among(l, n, useWords())
	var s *setter
	if err == nil {
		s, err = change(t, false)
	}
	if err == nil {
		v, err = measureObject(t, l, k, s, n, window)
		err = errors.Join(err, s.end())
	}
	k.leave()
	v.each = float64(v.rss-empty) / float64(n)
	late := slices.Collect(maps.Values(k.late))
	v.p50, v.p99 = median(late), percentile(late, 99)
	told := k.told()
	v.rate *= float64(told)
	v.told = min(1, float64(told)/float64(v.asked))
	if err == nil && k.lost > 0 {
		err = fmt.Errorf("%d messages of the object could not be read", k.lost)
	}
	if err == nil && told == 0 {
		err = errors.New("a client heard of no change")
	}
	if err == nil && l.dead+k.load.dead > 0 {
		err = fmt.Errorf("%d clients lost their connection: %w", l.dead+k.load.dead, errors.Join(l.why, k.load.why))
	}
	return v, err
}

// measureObject leaves in rate what a change to all counts: n over the CPU.
func measureObject(t *target, l *loader, k *lookers, s *setter, n int, window time.Duration) (v object, err error) {
	l.run(settle)
	l.mark()
	before, err := used(t.pid())
	if err != nil {
		return v, err
	}
	ours, err := cpuOf(os.Getpid())
	if err != nil {
		return v, err
	}
	k.begin()
	first := s.sent.Load()
	l.run(window)
	k.measuring.Store(false)
	v.asked = int(s.sent.Load()-first) * slotsTold
	after, err := used(t.pid())
	if err != nil {
		return v, err
	}
	spent, err := cpuOf(os.Getpid())
	cpu, took := (after.cpu - before.cpu).Seconds(), after.at.Sub(before.at).Seconds()
	v.rate, v.share, v.clients = float64(n)/cpu, cpu/took, (spent-ours).Seconds()/took
	v.us, v.perSecond, v.rss = perMB(after.cpu-before.cpu, l.since()), float64(l.since())/took/float64(n), after.rss
	return v, err
}

// objectsRow holds an object's changes against the floor of as many bytes.
func objectsRow(b *bench) ([]result, error) {
	n := b.players(1000)
	var rates, p50, p99, told, ratios, us, floors []float64
	for range 3 {
		v, err := b.objectAt(n, b.window/2)
		if err != nil {
			return nil, err
		}
		f, err := b.startFloorAt(n, viaSend, "", int(v.perSecond), time.Second/fps)
		if err != nil {
			return nil, err
		}
		f.load.run(settle)
		floor, err := measure(f.child, f.load, b.window/2)
		f.end()
		if err != nil {
			return nil, err
		}
		rates, p50, p99, told = append(rates, v.rate), append(p50, v.p50), append(p99, v.p99), append(told, v.told)
		us, floors, ratios = append(us, v.us), append(floors, floor), append(ratios, v.us/floor)
	}
	return []result{
		{
			what:   fmt.Sprintf("changes of a shared object told to %d clients, a second of a core", n),
			figure: fmt.Sprintf("%.0f, %.0f µs a MB, %.0f %% of what was set", median(rates), median(us), 100*median(told)), floor: fmt.Sprintf("%.0f µs a MB", median(floors)), ratio: median(ratios),
			target: "400,000", verdict: judge(median(rates) >= 400000),
		},
		{
			what:   fmt.Sprintf("from a change to when the last of %d clients hears of it", n),
			figure: fmt.Sprintf("p50 %.1f p99 %.1f ms", median(p50), median(p99)), target: "p99 50 ms", verdict: judge(median(p99) < 50),
		},
	}, nil
}

// chatRow lets a chat begin and rest beside a stream.
func chatRow(b *bench) ([]result, error) {
	n := b.players(1000)
	t, err := b.serve("Balanced")
	if err != nil {
		return nil, err
	}
	a, err := gatherAt(t, []string{"s"}, 0)
	if err != nil {
		return nil, err
	}
	defer a.end()
	w, err := watch(t, "s")
	if err != nil {
		return nil, err
	}
	defer w.leave()
	if err := w.among(a.load, n, playWords("s", -2000)); err != nil {
		return nil, err
	}
	a.load.wants = rtmp.TypeSharedObject
	if err := a.load.open(n, same(useWords())); err != nil {
		return nil, err
	}
	s, err := change(t, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.end() }()
	var p50, p99, share [2][]float64
	w.begin()
	for i := range 6 {
		on := i % 2
		s.paused.Store(on == 0)
		a.load.run(settle)
		w.take()
		before, err := used(t.pid())
		if err != nil {
			return nil, err
		}
		a.load.run(b.window / 2)
		after, err := used(t.pid())
		if err != nil {
			return nil, err
		}
		latencies, lost := w.take()
		if lost > 0 || a.load.dead > 0 {
			return nil, fmt.Errorf("%d pictures were lost, and %d connections: %w", lost, a.load.dead, orEnd(a.load.why))
		}
		p50[on], p99[on] = append(p50[on], median(latencies)), append(p99[on], percentile(latencies, 99))
		share[on] = append(share[on], 100*float64(after.cpu-before.cpu)/float64(after.at.Sub(before.at)))
	}
	off, on := median(p99[0]), median(p99[1])
	return []result{{
		what:   fmt.Sprintf("latency of a stream of %d players, Balanced, beside a chat of %d in which 20 lines a second are said", n, n),
		figure: fmt.Sprintf("p50 %.1f p99 %.1f ms, %.0f %% of the core", median(p50[1]), on, median(share[1])),
		floor:  fmt.Sprintf("while it rests p50 %.1f p99 %.1f ms, %.0f %%", median(p50[0]), off, median(share[0])), ratio: on / off,
		target: "p99 at most 1.15×, or 2 ms more", verdict: judge(on <= 1.15*off || on-off < 2),
	}}, nil
}
