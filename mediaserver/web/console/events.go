package console

import (
	"fmt"
	"net/http"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

const (
	// maxListeners bounds those of events, and sessionListeners those of one session.
	maxListeners     = 32
	sessionListeners = 8
	// heartbeat is how often a listener is sent something, so that who stands between
	// keeps the connection.
	heartbeat = 15 * time.Second
	// slowTime is how long a listener may take for what it is sent at once, and
	// maxBatch how many bytes of lines that are.
	slowTime = 10 * time.Second
	maxBatch = 64 << 10
)

// listener is one request for events. Its places in what there is to be told are the
// goroutine's own.
type listener struct {
	wake  chan struct{}
	of    *login
	topic *topic // nil: none was chosen

	state, detail, object uint64 // that were sent last
	points                uint64 // that were sent
	line                  uint64 // that is sent next
	begun                 bool
}

// rouse has the listener look. It does not wait.
func (l *listener) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// events sends server-sent events until the client, the session or the server goes.
func (c *Console) events(w http.ResponseWriter, r *http.Request, of *login) {
	key, err := parseTopic(r)
	if err != nil {
		answer(w, err.Status, problem("%s", err.Reason))
		return
	}
	s := c.sampler
	l, err := s.listen(of, key)
	if err != nil {
		answer(w, err.Status, problem("%s", err.Reason))
		return
	}
	defer s.leave(l)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		for _, one := range s.next(l) {
			if out.SetWriteDeadline(time.Now().Add(slowTime)) != nil {
				return
			}
			if _, err := w.Write(one); err != nil {
				return // it is too slow, or has gone
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-l.wake:
		case <-beat.C:
			if out.SetWriteDeadline(time.Now().Add(slowTime)) != nil {
				return
			}
			if _, err := w.Write([]byte(": still here\n\n")); err != nil {
				return
			}
		case <-of.ended:
			return
		case <-s.closed:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// maxName bounds what a listener chooses, in bytes.
const maxName = 1024

// parseTopic reads what a listener chooses to look into.
func parseTopic(r *http.Request) (key topicKey, _ *Error) {
	query := r.URL.Query()
	name, object := query.Get("instance"), query.Get("object")
	if name == "" {
		if object != "" {
			return key, &Error{http.StatusBadRequest, "object= is of an instance: name it with instance=APPLICATION/INSTANCE"}
		}
		return key, nil
	}
	of, ok := apppath.Parse(name)
	if !ok || len(name) > maxName {
		return key, &Error{http.StatusBadRequest, fmt.Sprintf("instance %.64q: it is APPLICATION/INSTANCE", name)}
	}
	if object != "" {
		if _, _, ok := ParseObjectKey(object); !ok || len(object) > maxName {
			return key, &Error{http.StatusBadRequest, fmt.Sprintf("object %.64q: it is p:NAME of a persistent one, or t:NAME", object)}
		}
	}
	return topicKey{of.Application, of.Instance, object}, nil
}

// listen gives a listener its place.
func (s *sampler) listen(of *login, key topicKey) (*listener, *Error) {
	l := &listener{wake: make(chan struct{}, 1), of: of}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.listeners) >= maxListeners:
		return nil, &Error{http.StatusServiceUnavailable, fmt.Sprintf("%d pages are sent what happens, as many as may be: close one", maxListeners)}
	case of.listeners >= sessionListeners:
		return nil, &Error{http.StatusServiceUnavailable, fmt.Sprintf("this session is sent what happens %d times over, as often as may be: close a page of it", sessionListeners)}
	}
	of.listeners++
	if key != (topicKey{}) {
		if l.topic = s.topics[key]; l.topic == nil {
			l.topic = &topic{key: key}
			s.topics[key] = l.topic
		}
		l.topic.listeners++
	}
	l.line = s.lines.begin()
	s.listeners[l] = struct{}{}
	select {
	case s.again <- struct{}{}:
	default:
	}
	return l, nil
}

func (s *sampler) leave(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	l.of.listeners--
	if t := l.topic; t != nil {
		if t.listeners--; t.listeners == 0 {
			delete(s.topics, t.key)
		}
	}
}

// lostLines says how many lines a listener was too slow for.
type lostLines struct {
	Lines uint64 `json:"lines"`
}

// next is what a listener is sent now: the newest of each kind, points and lines as far
// as they go.
func (s *sampler) next(l *listener) (events [][]byte) {
	s.mu.Lock()
	missed := s.points - l.points
	switch {
	case !l.begun || missed > uint64(len(s.history.Points)):
		events = append(events, event("history", s.history))
	default:
		for _, p := range s.history.Points[uint64(len(s.history.Points))-missed:] {
			events = append(events, event("point", p))
		}
	}
	l.begun, l.points = true, s.points
	if s.state.seq != l.state && s.state.event != nil {
		events, l.state = append(events, s.state.event), s.state.seq
	}
	if t := l.topic; t != nil {
		if t.detail.seq != l.detail {
			events, l.detail = append(events, t.detail.event), t.detail.seq
		}
		if t.object.seq != l.object {
			events, l.object = append(events, t.object.event), t.object.seq
		}
	}
	s.mu.Unlock()
	lines, next, lost := s.lines.from(l.line, maxBatch)
	if lost > 0 {
		events = append(events, event("lost", lostLines{lost}))
	}
	if l.line = next; len(lines) > 0 {
		events = append(events, lines...)
		l.rouse() // there may be more
	}
	return events
}
