package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// stage is how far a player is in its conversation.
type stage uint8

const (
	shaking    stage = iota // for S0, S1 and S2
	connecting              // for the _result of connect
	creating                // for that of createStream
	starting                // for the first picture
	playing                 // the kernel throws away what is received
	gone
)

// player is one connection that plays. Only a listener's messages are taken
// apart after the first picture: an audience must cost less than its server.
type player struct {
	fd    int
	stage stage
	words []byte           // its play command; nil: it takes what a floor sends
	wants rtmp.MessageType // by which it is in; 0: a picture
	hello []byte           // S0, S1 and S2 as far as they were received
	parse *parser
	hear  func(*player, message) // nil: it does not listen
	send  func(b []byte) error   // by TLS; nil: to its socket
	pulse func() error           // says what clients of HTTP/2 do now and then; nil: it speaks something else

	got, acked uint64 // bytes
	base       uint64 // got, when a measurement began
	asked      int64  // when it sent play
}

// loader is many players on one thread.
type loader struct {
	to      netip.AddrPort
	app     string
	ep      int
	players []*player
	sink    []byte
	events  []syscall.EpollEvent

	now     int64 // when the bytes that are looked at were there
	opening int   // not at their first picture yet
	ready   int
	dead    int
	why     error            // the first of the dead
	first   []float64        // ms from play to first picture
	leave   bool             // players disconnect at their first picture
	wants   rtmp.MessageType // that players who are added wait for; 0: a picture
	pace    pace
}

// pace is what a loader does while nothing is received.
type pace int

const (
	sleeping pace = iota
	spinning      // it looks again at once
)

func newLoader(to netip.AddrPort, app string) (*loader, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &loader{to: to, app: app, ep: ep, sink: make([]byte, 1<<20), events: make([]syscall.EpollEvent, 512)}, nil
}

// add connects one player.
func (l *loader) add(words []byte, hear func(*player, message)) error {
	fd, err := dial(l.to)
	if err != nil {
		return err
	}
	p := &player{fd: fd, words: words, wants: l.wants, hear: hear, stage: playing}
	if words != nil {
		p.stage = shaking
		if err := sendAll(fd, firstWords()); err != nil {
			closeSocket(fd)
			return err
		}
		l.opening++
	} else {
		l.ready++
	}
	return l.watch(p)
}

// watch has a player's socket looked at.
func (l *loader) watch(p *player) error {
	e := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(l.players))}
	if err := syscall.EpollCtl(l.ep, syscall.EPOLL_CTL_ADD, p.fd, &e); err != nil {
		closeSocket(p.fd)
		return fmt.Errorf("epoll: %w", err)
	}
	l.players = append(l.players, p)
	return nil
}

// say sends a player's words.
func (p *player) say(b []byte) error {
	if p.send != nil {
		return p.send(b)
	}
	return sendAll(p.fd, b)
}

// atOnce is how many players may be connecting: a listener's queue of
// connections must not overflow.
const atOnce = 64

// open adds n players and returns when all have their first picture, or one
// has lost its connection, or none has had it for long.
func (l *loader) open(n int, words func(i int) []byte) error {
	progress, was := time.Now(), l.ready
	for i := 0; i < n || l.opening > 0; {
		for i < n && l.opening < atOnce {
			if err := l.add(words(i), nil); err != nil {
				return err
			}
			i++
		}
		l.step(20)
		if l.ready > was {
			progress, was = time.Now(), l.ready
		}
		switch {
		case l.dead > 0:
			return fmt.Errorf("%d players lost their connection while they came in: %w", l.dead, l.why)
		case time.Since(progress) > socketTimeoutSecs*time.Second:
			return fmt.Errorf("no player came in for %d s: %d play, %d wait (%s)", socketTimeoutSecs, l.ready, l.opening, l.stages())
		}
	}
	return nil
}

// stages says how many players wait for what.
func (l *loader) stages() string {
	var n [playing]int
	for _, p := range l.players {
		if p.stage < playing {
			n[p.stage]++
		}
	}
	return fmt.Sprintf("for the handshake %d, connect %d, createStream %d, a picture %d", n[shaking], n[connecting], n[creating], n[starting])
}

// same is one play command for all.
func same(words []byte) func(int) []byte { return func(int) []byte { return words } }

// run reads for a while.
func (l *loader) run(d time.Duration) {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		if l.pace == spinning {
			l.step(0)
			continue
		}
		l.step(max(1, int(left.Milliseconds())))
	}
}

// away has the loader read on a thread of its own, until end, which closes it and
// says whether it has lost any player.
func (l *loader) away() (end func() error) {
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !stop.Load() {
			l.step(endsWithin)
		}
	}()
	return func() error {
		stop.Store(true)
		<-ended
		defer l.close()
		if l.dead > 0 {
			return fmt.Errorf("%d players lost their connection: %w", l.dead, l.why)
		}
		return nil
	}
}

// endsWithin is how long a loader that is away may take to end, in ms.
const endsWithin = 100

// step reads what was received, and waits up to ms when nothing was.
func (l *loader) step(ms int) {
	n, err := syscall.EpollWait(l.ep, l.events, ms)
	if err != nil {
		return // interrupted
	}
	for _, e := range l.events[:n] {
		if p := l.players[e.Fd]; p.stage != gone {
			if err := l.read(p); err != nil {
				l.drop(p, err)
			}
		}
	}
}

func (l *loader) drop(p *player, err error) {
	if p.stage < playing {
		l.opening--
	}
	l.dead++
	if l.why == nil {
		l.why = err
	}
	l.hangUp(p)
}

func (l *loader) hangUp(p *player) {
	p.stage = gone
	closeSocket(p.fd) // leaves the epoll set by that
}

func (l *loader) read(p *player) error {
	listens := p.stage < playing || p.hear != nil
	n, errno := receive(p.fd, l.sink, !listens)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return nil
	case errno != 0:
		return errno
	case n == 0:
		return errors.New("the server closed it")
	}
	return l.heard(p, l.sink[:n], listens)
}

// heard counts what a player was sent, and takes it apart if it listens.
func (l *loader) heard(p *player, b []byte, listens bool) error {
	l.now = clock()
	p.got += uint64(len(b))
	if p.pulse != nil && p.got-p.acked >= openEvery {
		p.acked = p.got
		return p.pulse()
	}
	if p.words != nil && p.got-p.acked >= ackEvery {
		p.acked = p.got
		if err := p.say(ackWords(p.got)); err != nil {
			return err
		}
	}
	if !listens {
		return nil
	}
	if p.stage == shaking {
		if b = l.shake(p, b); p.stage == shaking {
			return nil
		}
	}
	var failed error
	err := p.parse.feed(b, func(m message) {
		if e := l.message(p, m); e != nil && failed == nil {
			failed = e
		}
	})
	if p.stage == playing && p.hear == nil {
		p.parse = nil
	}
	return errors.Join(err, failed)
}

// shake takes the handshake from b and returns what is behind it.
func (l *loader) shake(p *player, b []byte) []byte {
	n := min(answer-len(p.hello), len(b))
	p.hello = append(p.hello, b[:n]...)
	if len(p.hello) < answer {
		return nil
	}
	// C2 echoes S1.
	err := p.say(append(p.hello[1:1+1536:1+1536], connectWords(l.to.String(), l.app)...))
	p.hello, p.parse, p.stage = nil, newParser(), connecting
	if p.hear != nil && p.wants == rtmp.TypeSharedObject {
		p.parse.keep = wholeSize
	}
	if err != nil {
		l.drop(p, err)
		return nil
	}
	return b[n:]
}

func (l *loader) message(p *player, m message) error {
	if p.hear != nil && p.stage == playing {
		p.hear(p, m)
	}
	switch p.stage {
	case connecting, creating:
		if m.kind != rtmp.TypeCommand {
			return nil
		}
		switch said := string(m.head); {
		case strings.Contains(said, "_error"):
			return fmt.Errorf("the server refused: %.200q", said)
		case !strings.Contains(said, "_result"):
			return nil
		}
		if p.stage == connecting {
			p.stage = creating
			return p.say(createStreamWords())
		}
		p.stage, p.asked = starting, clock()
		return p.say(p.words)
	case starting:
		if p.wants != 0 && m.kind == p.wants || p.wants == 0 && isPicture(m) {
			p.stage = playing
			l.opening--
			l.ready++
			l.first = append(l.first, float64(l.now-p.asked)/1e6)
			if l.leave {
				l.hangUp(p)
			}
		}
	}
	return nil
}

// isPicture says whether a message is a frame, and no configuration record.
func isPicture(m message) bool {
	return m.kind == rtmp.TypeVideo && len(m.head) >= stampEnd && m.head[1] == 1
}

// mark begins a measurement; since counts the bytes received after it.
func (l *loader) mark() {
	for _, p := range l.players {
		p.base = p.got
	}
}

func (l *loader) since() (total uint64) {
	for _, p := range l.players {
		total += p.got - p.base
	}
	return total
}

// spread is the least and the most that a player got since mark.
func (l *loader) spread() (least, most uint64) {
	each := make([]uint64, 0, len(l.players))
	for _, p := range l.players {
		each = append(each, p.got-p.base)
	}
	return slices.Min(each), slices.Max(each)
}

func (l *loader) close() {
	for _, p := range l.players {
		if p.stage != gone {
			l.hangUp(p)
		}
	}
	closeSocket(l.ep)
}
