package session

import (
	"crypto/rand"
	"encoding/base64"
	"math"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// bandwidthMethods are the two dialects of bandwidth detection, PROTOCOL.md §2:
// which methods of the client are called, and with how many bytes.
type bandwidthMethods struct {
	check, done string
	rounds      []int // bytes; the first round has none, and measures latency
	// results are the arguments of the method that ends it.
	results func(bandwidth) []amf.Value
}

var (
	// Flash Media Server 3's own. It begins with FMS's 16 KiB and ends with
	// what a line of 100 Mbit/s takes a moment for.
	nativeBandwidth = bandwidthMethods{
		check: "onBWCheck", done: "onBWDone",
		rounds: []int{0, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10},
		results: func(b bandwidth) []amf.Value {
			return []amf.Value{b.kbitPerSecond(), b.kbit, b.time.Seconds(), milli(b.latency)}
		},
	}
	// That of content delivery networks. librtmp asks for it at every connect,
	// whether or not anybody wants to know: it must cost little.
	legacyBandwidth = bandwidthMethods{
		check: "_onbwcheck", done: "_onbwdone",
		rounds: []int{0, 4 << 10, 16 << 10},
		results: func(b bandwidth) []amf.Value {
			return []amf.Value{milli(b.latency), b.kbitPerSecond()}
		},
	}
)

// enoughPerRound ends bandwidth detection: a round that takes so long has
// measured, and the next one would take twice that.
const enoughPerRound = 500 * time.Millisecond

// bandwidth is what was measured.
type bandwidth struct {
	kbit    float64       // sent to the client, whatever it was
	time    time.Duration // that it took, without waiting for answers
	latency time.Duration // of a call without a payload
}

func (b bandwidth) kbitPerSecond() float64 {
	return math.Round(b.kbit / b.time.Seconds())
}

func milli(d time.Duration) float64 { return float64(d.Milliseconds()) }

// noise is what is sent to measure: text, which every client can read, that no
// line can compress.
var noise = sync.OnceValue(func() string {
	b := make([]byte, 384<<10) // 512 KiB of base64
	_, _ = rand.Read(b)        // never fails
	return base64.StdEncoding.EncodeToString(b)
})

// bandwidthCheck calls a method of the client with more and more bytes, one
// call after another, and tells it in the end how fast they went. It is used in
// turns of the session.
type bandwidthCheck struct {
	s       *Session
	methods bandwidthMethods

	round   int
	began   time.Time
	sent    time.Time // of this round
	before  uint64    // bytes sent when it began
	latency time.Duration
}

// checkBandwidth answers checkBandwidth and _checkbw, and starts to measure.
// One measurement runs at a time: a client that asks again hears the
// result of that.
func (s *Session) checkBandwidth(cmd *rtmp.Command) error {
	methods := nativeBandwidth
	if cmd.Name == "_checkbw" {
		methods = legacyBandwidth
	}
	if err := s.answer(cmd); err != nil {
		return err
	}
	s.measure(methods)
	return nil
}

// measure begins a measurement, unless one runs.
func (s *Session) measure(methods bandwidthMethods) {
	if s.measuring {
		return
	}
	s.measuring = true
	b := &bandwidthCheck{s: s, methods: methods, began: time.Now(), before: s.conn.BytesOut()}
	b.call()
}

// call makes the call of this round.
func (b *bandwidthCheck) call() {
	b.sent = time.Now()
	answered := func(_ []amf.Value, err error) { b.s.turns.post(func() { b.answered(err) }) }
	if err := b.s.calls.Call(b.methods.check, answered, noise()[:b.methods.rounds[b.round]], b.round); err != nil {
		b.finish(err)
	}
}

func (b *bandwidthCheck) answered(err error) {
	if err != nil {
		b.finish(err)
		return
	}
	took := time.Since(b.sent)
	if b.round == 0 {
		b.latency = took
	}
	b.round++
	if b.round == len(b.methods.rounds) || b.round > 1 && took >= enoughPerRound {
		b.finish(nil)
		return
	}
	b.call()
}

// finish tells the client what the rounds that it answered came to. One that
// answered none but the empty one hears that it is over, and no more.
func (b *bandwidthCheck) finish(err error) {
	s := b.s
	s.measuring = false
	if err != nil {
		s.log.Debug("bandwidth detection ended early", "method", b.methods.check, "round", b.round, "err", err)
	}
	var results []amf.Value
	if b.round > 1 {
		found := b.measured(time.Since(b.began))
		results = b.methods.results(found)
		s.log.Debug("bandwidth measured", "kbit/s", found.kbitPerSecond(), "latency", found.latency)
	}
	if err := s.conn.SendCommand(0, b.methods.done, 0, nil, results...); err != nil {
		s.log.Debug("tell of bandwidth", "err", err) // the session hears the same
	}
}

func (b *bandwidthCheck) measured(took time.Duration) bandwidth {
	m := bandwidth{
		kbit:    float64(b.s.conn.BytesOut()-b.before) * 8 / 1000,
		time:    took - time.Duration(b.round)*b.latency,
		latency: b.latency,
	}
	if m.time <= 0 { // a line so fast that latency is all there is
		m.time = took
	}
	return m
}
