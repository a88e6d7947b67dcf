package session

import "time"

// idleWatch tells a publisher that has fallen silent (NetStream.Publish.Idle),
// once for each silence. It is one timer for each publication, which fires when
// the threshold may have passed, and looks then when the last packet came:
// packets do not touch it.
type idleWatch struct {
	p     *publishing
	timer *time.Timer
	told  time.Time // of the last packet before the silence that it was told of
}

func (p *publishing) watchIdle() *idleWatch {
	w := &idleWatch{p: p}
	turns := &p.ns.session.turns
	w.timer = time.AfterFunc(p.ns.session.cfg.PublisherIdle, func() { turns.post(w.look) })
	return w
}

// stop ends it: nothing is told afterwards.
func (w *idleWatch) stop() { w.timer.Stop() }

func (w *idleWatch) look() {
	ns, s := w.p.ns, w.p.ns.session
	if ns.publishing != w.p || s.leaving.Load() {
		return
	}
	limit, last := s.cfg.PublisherIdle, w.p.LastWrite()
	silent := time.Since(last)
	if silent < limit {
		w.timer.Reset(limit - silent)
		return
	}
	w.timer.Reset(limit)
	if last.Equal(w.told) {
		return
	}
	w.told = last
	s.log.Warn("publisher is silent", "stream", w.p.name, "seconds", int(silent.Seconds()))
	if err := ns.tell(codePublishIdle, w.p.name, "%s has sent nothing for %v.", w.p.name, limit); err != nil {
		s.log.Debug("tell of silence", "err", err)
	}
}
