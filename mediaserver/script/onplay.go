package script

import (
	"errors"
	"net/url"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// PlayRequest is a viewer by HTTP that wants to watch a stream.
type PlayRequest struct {
	Name     string
	Way      string // flv, ws-flv, hls …
	Live     bool   // it is published now; else it is a recording, if there is one
	Address  string // host:port
	Agent    string // User-Agent
	Referrer string
	Key      string     // of the query, or of Authorization
	Query    url.Values // of the URL
	Track    int        // that it asks for; below 0: none
}

// PlayAnswer is what application.onPlay has said of a viewer.
type PlayAnswer struct {
	// Missing: there is no such handler.
	Missing bool
	Accept  bool
	Reason  string // why not, for the viewer; "": it did not say
	// Failed: it has said nothing, as Reason says.
	Failed bool
}

// maxReason is how many characters of a reason a viewer is told.
const maxReason = 256

// Play asks the script's application.onPlay whether a viewer by HTTP may watch. answer is
// called once, from anywhere, after Config.PendingTime at the latest.
func (h *Host) Play(r PlayRequest, answer func(PlayAnswer)) {
	of := hostOf(r.Address)
	if !h.beginPlay(of) {
		answer(PlayAnswer{Failed: true, Reason: "too many viewers wait for the application's script: try again in a moment"})
		return
	}
	var once sync.Once
	say := func(a PlayAnswer) {
		once.Do(func() {
			h.endPlay(of)
			answer(a)
		})
	}
	failed := func(reason string) { say(PlayAnswer{Failed: true, Reason: reason}) }
	p := &playRequest{}
	late := time.AfterFunc(h.cfg.PendingTime, func() {
		failed("the application's script did not decide in time")
		h.send(&event{run: func(w *world) { delete(w.plays, p) }})
	})
	said := func(a PlayAnswer) {
		late.Stop()
		say(a)
	}
	p.say = said
	if !h.send(&event{
		run:  func(w *world) { w.play(r, p) },
		lost: func(reason string) { said(PlayAnswer{Failed: true, Reason: reason}) },
		kind: asking,
	}) {
		said(PlayAnswer{Failed: true, Reason: "the script has ended"})
	}
}

// beginPlay counts a viewer that is asked about, where there is room: one address has a
// tenth of it.
func (h *Host) beginPlay(of string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.playing >= h.cfg.Pending || h.playingOf[of] >= max(h.cfg.Pending/10, 1) {
		return false
	}
	h.playing++
	h.playingOf[of]++
	return true
}

func (h *Host) endPlay(of string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.playing--
	if h.playingOf[of]--; h.playingOf[of] == 0 {
		delete(h.playingOf, of)
	}
}

// playRequest is what an object that onPlay is given belongs to.
type playRequest struct{ say func(PlayAnswer) }

// definePlay makes the class of what onPlay is given.
func definePlay(w *world) (err error) {
	w.types.play, err = w.rt.Define(engine.Class{
		Name: "PlayRequest",
		Methods: []engine.Method{
			{Name: "accept", Func: w.acceptPlay},
			{Name: "reject", Length: 1, Func: w.rejectPlay},
		},
	})
	return err
}

func (w *world) acceptPlay(c *engine.Call) (engine.Value, error) {
	w.decidePlay(c.Self.(*playRequest), PlayAnswer{Accept: true})
	return engine.Undefined, nil
}

func (w *world) rejectPlay(c *engine.Call) (engine.Value, error) {
	reason, err := w.reasonOf(c.Arg(0))
	w.decidePlay(c.Self.(*playRequest), PlayAnswer{Reason: reason})
	return engine.Undefined, err
}

// decidePlay says what has become of a viewer; the first time counts.
func (w *world) decidePlay(p *playRequest, a PlayAnswer) {
	delete(w.plays, p)
	p.say(a)
}

func (w *world) reasonOf(v engine.Value) (string, error) {
	if k := v.Kind(); k == engine.KindUndefined || k == engine.KindNull {
		return "", nil
	}
	s, err := w.rt.ToString(v)
	return logs.Clean(s, maxReason), err
}

// play asks onPlay about a viewer.
func (w *world) play(r PlayRequest, p *playRequest) {
	failed := func(reason string) { w.decidePlay(p, PlayAnswer{Failed: true, Reason: reason}) }
	if w.broken != "" {
		failed("the application's script is not in order")
		return
	}
	f := w.method(w.application.object, "onPlay")
	if f == nil {
		w.decidePlay(p, PlayAnswer{Missing: true})
		return
	}
	w.plays[p] = struct{}{}
	w.doing = "onPlay"
	o, err := w.playObject(r, p)
	var v engine.Value
	if err == nil {
		v, err = f.Call(w.application.object.Value(), o.Value())
	}
	if err == nil {
		err = w.judge(p, v, true)
	}
	if err != nil {
		w.report(err)
		failed("the application's script could not decide")
	}
}

// playObject is what the script is given of a viewer.
func (w *world) playObject(r PlayRequest, p *playRequest) (*engine.Object, error) {
	o, err := w.types.play.New(p)
	if err != nil {
		return nil, err
	}
	query, err := w.rt.NewObject()
	if err != nil {
		return nil, err
	}
	const own = engine.Writable | engine.Configurable | engine.Enumerable
	for name, all := range r.Query {
		if err := query.Define(name, engine.String(all[0]), own); err != nil {
			return nil, err
		}
	}
	track := engine.Undefined
	if r.Track >= 0 {
		track = engine.Number(float64(r.Track))
	}
	for _, f := range []struct {
		name string
		is   engine.Value
	}{
		{"name", engine.String(r.Name)}, {"way", engine.String(r.Way)}, {"live", engine.Bool(r.Live)},
		{"ip", engine.String(hostOf(r.Address))}, {"agent", engine.String(r.Agent)}, {"referrer", engine.String(r.Referrer)},
		{"key", engine.String(r.Key)}, {"query", query.Value()}, {"track", track},
	} {
		if err := o.Define(f.name, f.is, own); err != nil {
			return nil, err
		}
	}
	return o, nil
}

var errNoVerdict = errors.New("application.onPlay says by true or false, by a reason why not, by {accept, reason} or a Promise of one of these whether the viewer may watch; or it returns nothing, and calls request.accept() or request.reject(reason) later")

// judge takes what onPlay has returned, which is also how it says nothing yet, or what
// came of its promise.
func (w *world) judge(p *playRequest, v engine.Value, first bool) error {
	switch v.Kind() {
	case engine.KindUndefined, engine.KindNull:
		if first {
			return nil
		}
	case engine.KindBool:
		w.decidePlay(p, PlayAnswer{Accept: v.Bool()})
		return nil
	case engine.KindString:
		reason, err := w.reasonOf(v)
		w.decidePlay(p, PlayAnswer{Reason: reason})
		return err
	case engine.KindObject:
		if o := v.Object(); first && w.method(o, "then") != nil {
			return w.judgeLater(p, o)
		}
		return w.judgeObject(p, v.Object())
	}
	return errNoVerdict
}

func (w *world) judgeObject(p *playRequest, o *engine.Object) error {
	accept, err := o.Get("accept")
	if err != nil {
		return err
	}
	why, err := o.Get("reason")
	if err != nil {
		return err
	}
	reason, err := w.reasonOf(why)
	if err != nil {
		return err
	}
	if accept.Kind() != engine.KindBool {
		return errNoVerdict
	}
	w.decidePlay(p, PlayAnswer{Accept: accept.Bool(), Reason: reason})
	return nil
}

// judgeLater waits for a promise.
func (w *world) judgeLater(p *playRequest, promise *engine.Object) error {
	say := func(name string, f func(engine.Value) error) (engine.Value, error) {
		o, err := w.rt.NewFunction(name, 1, func(c *engine.Call) (engine.Value, error) {
			w.doing = "onPlay"
			if err := f(c.Arg(0)); err != nil {
				w.report(err)
				w.decidePlay(p, PlayAnswer{Failed: true, Reason: "the application's script could not decide"})
			}
			return engine.Undefined, nil
		})
		if err != nil {
			return engine.Undefined, err
		}
		return o.Value(), nil
	}
	kept, err := say("kept", func(v engine.Value) error { return w.judge(p, v, false) })
	if err != nil {
		return err
	}
	broken, err := say("broken", func(v engine.Value) error {
		text, err := w.rt.ToString(v)
		return errors.Join(errors.New("the promise of application.onPlay was rejected: "+text), err)
	})
	if err != nil {
		return err
	}
	_, err = w.method(promise, "then").Call(promise.Value(), kept, broken)
	return err
}

// abandonPlays answers for viewers about whom nothing was said when a world ends.
func (w *world) abandonPlays() {
	for p := range w.plays {
		p.say(PlayAnswer{Failed: true, Reason: "the application's script has ended: try again"})
	}
}
