package session

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
)

// idleWatch tells a publisher that has fallen silent (NetStream.Publish.Idle),
// once for each silence. It is one timer for each publication, which fires when
// the threshold may have passed, and looks then when the last packet came:
// packets do not touch it.
type idleWatch struct {
	ns    *netStream
	pub   *instance.Publication
	timer *time.Timer
	told  time.Time // of the last packet before the silence that it was told of
}

// watchIdle starts to watch. The caller holds session.mu.
func (ns *netStream) watchIdle(pub *instance.Publication) *idleWatch {
	w := &idleWatch{ns: ns, pub: pub}
	w.timer = time.AfterFunc(ns.session.cfg.PublisherIdle, w.look)
	return w
}

// stop ends it. The caller holds session.mu: nothing is told afterwards.
func (w *idleWatch) stop() { w.timer.Stop() }

func (w *idleWatch) look() {
	s := w.ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.ns.publication != w.pub || s.leaving.Load() {
		return
	}
	limit, last := s.cfg.PublisherIdle, w.pub.LastWrite()
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
	s.log.Warn("publisher is silent", "stream", w.ns.name, "seconds", int(silent.Seconds()))
	if err := w.ns.status("status", codePublishIdle, w.ns.name+" has sent nothing for "+limit.String()+".", w.ns.name); err != nil {
		s.log.Debug("tell of silence", "err", err)
	}
}
