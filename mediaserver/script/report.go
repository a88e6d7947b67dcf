package script

import (
	"errors"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// Problem is something that has gone wrong in a script.
type Problem struct {
	Time    time.Time
	Message string
	File    string // "" if it is not known
	Line    int    // from 1; 0 if it is not known
	Call    string // of the script that was under way: application.onConnect, a client's method, setInterval …
	// Fatal: the script has died of it, or could not be loaded.
	Fatal bool
	// Stale: it is why changed files cannot be loaded; the script goes on as it was.
	Stale bool
}

func problem(err error, fatal bool) Problem {
	p := Problem{Time: time.Now(), Message: err.Error(), Fatal: fatal}
	var e *engine.Error
	var r *dialect.Refusal
	switch {
	case errors.As(err, &e):
		p.File, p.Line = e.File, e.Line
	case errors.As(err, &r):
		p.File, p.Line = r.File, r.Line
	}
	return p
}

// said is what a world has made the log say lately.
type said struct {
	traces, problems bucket
	telling          bool        // application.onStatus is being told
	noMemory         bool        // since spent looked
	strikes          []time.Time // when there was none, lately
}

// bucket lets a hundred lines through at once, and twenty a second.
type bucket struct {
	used    float64
	at      time.Time
	dropped int
}

const (
	linesAtOnce  = 100
	linesASecond = 20
)

// take says whether there is room for a line, and how many there was none for since
// the last.
func (b *bucket) take() (dropped int, ok bool) {
	now := time.Now()
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*linesASecond)
	b.at = now
	if b.used >= linesAtOnce {
		b.dropped++
		return 0, false
	}
	b.used++
	dropped, b.dropped = b.dropped, 0
	return dropped, true
}

// report says what has gone wrong in the script: to the log, to the instance, and to
// application.onStatus once the event is over.
func (w *world) report(err error) {
	if isDead(err) {
		return // said when the world ends
	}
	if errors.Is(err, engine.ErrMemory) {
		w.said.noMemory = true
	}
	p := problem(err, w.broken != "")
	p.Call, p.Stale = w.doing, errors.Is(err, errStale)
	dropped, ok := w.said.problems.take()
	if !ok {
		return
	}
	attrs := []any{"err", p.Message}
	if p.File != "" {
		attrs = append(attrs, "file", p.File, "line", p.Line)
	}
	if p.Call != "" {
		attrs = append(attrs, "call", p.Call)
	}
	if dropped > 0 {
		attrs = append(attrs, "left_out", dropped)
	}
	w.log.Warn("script error", attrs...)
	w.host.cfg.Instance.Failed(p)
	if !w.said.telling && w.application.object != nil {
		w.after(func() { w.tellStatus(p) })
	}
}

// tellStatus has application.onStatus told of an error. One in it goes to the log
// alone.
func (w *world) tellStatus(p Problem) {
	w.said.telling = true
	defer func() { w.said.telling = false }()
	if w.method(w.application.object, "onStatus") == nil {
		return
	}
	info, err := w.rt.NewObject()
	if err != nil {
		return
	}
	for _, f := range []engine.Field{
		{Name: "code", Value: engine.String("Application.Script.Error")},
		{Name: "level", Value: engine.String("error")},
		{Name: "description", Value: engine.String(p.Message)},
		{Name: "details", Value: engine.String(p.Message)},
		{Name: "filename", Value: engine.String(p.File)},
		{Name: "lineno", Value: engine.Number(float64(p.Line))},
		{Name: "linebuf", Value: engine.String(w.lineOf(p.File, p.Line))},
	} {
		if v, ok := f.Value.(engine.Value); !ok || info.Set(f.Name, v) != nil {
			return
		}
	}
	w.call(w.application.object, "onStatus", info.Value())
}

// lineOf is a line of a file, as far as it is short; "" if it is not to be had.
func (w *world) lineOf(file string, line int) string {
	data, err := w.folders.read(file)
	if err != nil {
		return ""
	}
	for text := range strings.Lines(string(data)) {
		if line--; line == 0 {
			return logs.Clean(strings.TrimRight(text, "\r\n"), logs.MaxValue)
		}
	}
	return ""
}
