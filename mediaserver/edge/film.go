package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/pieces"
	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// filmWindow is how many pieces of a file may be on their way at once.
	filmWindow = 4
	// filmIdle is how long a connection stays that nothing is asked of.
	filmIdle = 10 * time.Second
	// filmTries is how often in a row a connection may bring nothing before what is asked of
	// it is not to be had.
	filmTries = 6
	// filmWaits is how long what is asked waits for a link, where Config does not say; half
	// as long at least once it is known that there is none.
	filmWaits = 30 * time.Second
	// aheadEvery is how many pieces that somebody waits for may go before one that nobody
	// waits for yet.
	aheadEvery = 8
)

// film is a recorded file of the origin's that has players here: one connection for all of
// them, as long as there is something to ask. It is a pieces.Source.
type film struct {
	u    *uplink
	key  string
	ctx  context.Context
	stop context.CancelFunc
	wake chan struct{} // something is asked

	players map[any]string // and their tokens, by one of which it is asked for; "": none now; of the uplink's mu
	granted chan struct{}  // there is one

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held
	running bool
	urgent  []*fileAsk
	ahead   []*fileAsk
	passed  int // of the urgent ones, since one was that is not
}

// fileAsk is a piece of a file, or with a token what is known of it.
type fileAsk struct {
	n     int64
	size  int
	token string
	since time.Time // when it was asked
	done  func([]byte, error)
}

// film is the file of a key, with one player more; nil: the link has ended.
func (u *uplink) film(key string, player any, token string) *film {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return nil
	}
	f := u.films[key]
	if f == nil {
		f = &film{u: u, key: key, wake: make(chan struct{}, 1), players: map[any]string{}, granted: make(chan struct{}, 1)}
		f.ctx, f.stop = context.WithCancel(u.e.ctx)
		if u.films == nil {
			u.films = map[string]*film{}
		}
		u.films[key] = f
	}
	f.players[player] = token
	rouse(f.granted)
	return f
}

// grantFilm gives a player another token; false says that it does not play any more.
func (u *uplink) grantFilm(f *film, player any, token string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, plays := f.players[player]; !plays {
		return false
	}
	f.players[player] = token
	if token != "" {
		rouse(f.granted)
	}
	return true
}

// leaveFilm is one player of a file less.
func (u *uplink) leaveFilm(f *film, player any) {
	u.mu.Lock()
	delete(f.players, player)
	last := len(f.players) == 0
	if last && u.films[f.key] == f {
		delete(u.films, f.key)
	}
	u.mu.Unlock()
	if last {
		f.stop()
	}
}

// endFilms ends files of a link that has ended.
func (u *uplink) endFilms() {
	u.mu.Lock()
	films := u.films
	u.films = nil
	u.mu.Unlock()
	for _, f := range films {
		f.stop()
	}
}

// token is that of any player; "": none has one.
func (f *film) token() string {
	f.u.mu.Lock()
	defer f.u.mu.Unlock()
	for _, token := range f.players {
		if token != "" {
			return token
		}
	}
	return ""
}

// linked waits for a token while there is no link. Meanwhile it gives up what has waited too
// long for one, and says false when nothing is left, or the film ends.
func (f *film) linked() bool {
	lost := time.Now()
	for f.token() == "" {
		next, asked := f.giveUp(lost)
		if !asked {
			return false
		}
		late := time.NewTimer(time.Until(next))
		select {
		case <-f.granted:
		case <-late.C:
		case <-f.ctx.Done():
		}
		late.Stop()
		if f.ctx.Err() != nil {
			return false
		}
	}
	return true
}

// giveUp answers what was asked for so long that it waits for no link any more, that is lost
// since then, and says when that is so of the next, of which there is one if asked.
func (f *film) giveUp(lost time.Time) (next time.Time, asked bool) {
	var late []*fileAsk
	now := time.Now()
	f.mu.Lock()
	for _, from := range []*[]*fileAsk{&f.urgent, &f.ahead} {
		*from = slices.DeleteFunc(*from, func(a *fileAsk) bool {
			until := a.since.Add(f.u.e.cfg.FileWaits)
			if known := lost.Add(f.u.e.cfg.FileWaits / 2); until.Before(known) {
				until = known
			}
			if !until.After(now) {
				late = append(late, a)
				return true
			}
			if !asked || until.Before(next) {
				next, asked = until, true
			}
			return false
		})
	}
	f.mu.Unlock()
	for _, a := range late {
		a.done(nil, errNoWay)
	}
	return next, asked
}

// errNoWay says that what was asked of a file has waited for a link, in vain.
var errNoWay = fmt.Errorf("%w: %w", session.ErrWay, errLost)

// Fetch implements pieces.Source.
func (f *film) Fetch(n int64, size int, urgent bool, done func([]byte, error)) {
	f.ask(&fileAsk{n: n, size: size, done: done}, urgent)
}

// index is what the origin knows of the file as one player has it. It waits.
func (f *film) index(token string) ([]byte, error) {
	type said struct {
		b   []byte
		err error
	}
	answer := make(chan said, 1)
	f.ask(&fileAsk{token: token, done: func(b []byte, err error) { answer <- said{b, err} }}, true)
	is := <-answer
	return is.b, is.err
}

func (f *film) ask(a *fileAsk, urgent bool) {
	a.since = time.Now()
	f.mu.Lock()
	if urgent {
		f.urgent = append(f.urgent, a)
	} else {
		f.ahead = append(f.ahead, a)
	}
	begin := !f.running
	f.running = true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	if begin {
		f.u.e.runs.Go(f.run)
	}
}

// next takes what is to be asked next; nil: nothing is.
func (f *film) next() *fileAsk {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := &f.urgent
	if len(f.urgent) == 0 || len(f.ahead) > 0 && f.passed >= aheadEvery {
		from, f.passed = &f.ahead, 0
	} else {
		f.passed++
	}
	if len(*from) == 0 {
		return nil
	}
	a := (*from)[0]
	*from = slices.Delete(*from, 0, 1)
	return a
}

// again has asked what was not answered.
func (f *film) again(all []*fileAsk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.urgent = append(slices.Clone(all), f.urgent...)
}

// rests says that nothing is asked, and that the one who says so ends.
func (f *film) rests() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.urgent)+len(f.ahead) > 0 {
		return false
	}
	f.running = false
	return true
}

// run asks the origin as long as there is something to ask.
func (f *film) run() {
	for tries := 0; !f.rests(); {
		err := f.ctx.Err()
		if err == nil && !f.linked() {
			if f.ctx.Err() != nil {
				f.fail(errLost)
			}
			continue
		}
		if err == nil {
			var got bool
			if got, err = f.talk(); got {
				tries = 0
			}
		}
		switch {
		case f.ctx.Err() != nil:
			f.fail(errLost)
		case err == nil:
		case tries == filmTries:
			f.fail(err)
			tries = 0
		default:
			tries++
			select {
			case <-time.After(min(againAfter<<tries, againAtMost)):
			case <-f.ctx.Done():
			}
		}
	}
}

// fail answers all that is asked.
func (f *film) fail(err error) {
	for a := f.next(); a != nil; a = f.next() {
		a.done(nil, err)
	}
}

// talk asks over one connection until that fails, or nothing was asked for long. got says
// that it brought something.
func (f *film) talk() (got bool, err error) {
	token := f.token()
	if token == "" {
		return false, errLost
	}
	c, err := f.u.e.dial(link.Hello{Purpose: link.Read, Token: token})
	if err != nil {
		return false, err
	}
	defer c.Close()
	defer context.AfterFunc(f.ctx, c.Close)()
	var sent []*fileAsk
	defer func() { f.again(sent) }()
	for {
		more, err := f.send(c, filmWindow-len(sent))
		sent = append(sent, more...)
		if err != nil {
			return got, err
		}
		if len(sent) == 0 {
			if !f.await() {
				return got, nil
			}
			continue
		}
		kind, b, err := c.ReadFrame()
		a := sent[0]
		switch {
		case err != nil:
			return got, err
		case a.token != "" && kind == link.KindIndex:
		case a.token == "" && kind == link.KindPiece:
			if len(b) != a.size {
				return got, fmt.Errorf("the origin has %d bytes of %d at %d: %w", len(b), a.size, a.n*pieces.Size, io.ErrUnexpectedEOF)
			}
		default:
			return got, errors.Join(errLost, link.ErrFrame)
		}
		sent = sent[1:]
		got = true
		a.done(b, nil)
	}
}

// send sends so many asks, as far as there are any.
func (f *film) send(c *link.Conn, most int) (sent []*fileAsk, err error) {
	for len(sent) < most {
		a := f.next()
		if a == nil {
			break
		}
		sent = append(sent, a)
		if a.token != "" {
			err = c.WriteFrame(link.KindIndex, []byte(a.token))
		} else {
			var ask [12]byte
			binary.BigEndian.PutUint64(ask[:], uint64(a.n*pieces.Size))
			binary.BigEndian.PutUint32(ask[8:], uint32(a.size))
			err = c.WriteFrame(link.KindAsk, ask[:])
		}
		if err != nil {
			return sent, err
		}
	}
	if len(sent) > 0 {
		err = c.Flush()
	}
	return sent, err
}

// await waits until something is asked; false: nothing is for long.
func (f *film) await() bool {
	idle := time.NewTimer(filmIdle)
	defer idle.Stop()
	select {
	case <-f.wake:
		return true
	case <-idle.C:
	case <-f.ctx.Done():
	}
	return false
}
