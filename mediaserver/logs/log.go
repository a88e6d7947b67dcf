package logs

import (
	"io"
	"log/slog"
	"time"
)

// Options of a log. The zero value works.
type Options struct {
	Level slog.Leveler // of the lines that are written, and above; default slog.LevelInfo
	JSON  bool         // a JSON object a line, instead of words and values
	// Queue is how many bytes of lines wait for whoever reads the log; default
	// 1 MiB. A quarter of it is kept for errors of the server's own.
	Queue int
}

// Log writes lines. All methods may be called from any goroutine; none but
// Flush and Close waits.
type Log struct {
	opts  Options
	out   io.Writer
	pace  pace
	queue queue
	woken chan struct{}
	done  chan struct{} // closed when all is written that will be
}

// New makes a log that writes to out, from a goroutine of its own. Close ends
// it.
func New(out io.Writer, opts Options) *Log {
	if opts.Level == nil {
		opts.Level = slog.LevelInfo
	}
	if opts.Queue <= 0 {
		opts.Queue = 1 << 20
	}
	w := &Log{
		opts: opts, out: out, pace: pace{kinds: map[kind]*spent{}}, queue: queue{max: opts.Queue},
		woken: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go w.write()
	return w
}

// Handler is where lines come in. An attribute "address" that one of them has, or
// that its logger was made with, says which stranger it is about; one without
// it is the server's own.
func (w *Log) Handler() slog.Handler { return &handler{log: w, scopes: make([]scope, 1)} }

// Why lines are left out.
const (
	LeftOutFull = "log is read too slowly"
	LeftOutLike = "too many of a kind"
)

// LeftOut counts the lines that are not in the log, by reason.
func (w *Log) LeftOut() map[string]uint64 {
	like, _ := w.pace.state()
	return map[string]uint64{LeftOutFull: w.queue.lost(), LeftOutLike: like}
}

// Flush waits until everything is written that was logged so far, but no longer
// than so long: for who writes to the same terminal by another way.
func (w *Log) Flush(within time.Duration) {
	rest := w.queue.rest()
	if rest == nil {
		return
	}
	select {
	case <-rest:
	case <-w.done:
	case <-time.After(within):
	}
}

// Close has everything written that was logged so far, and waits for that no
// longer than so long. What is logged later is left out.
func (w *Log) Close(within time.Duration) {
	w.queue.close()
	w.wake()
	select {
	case <-w.done:
	case <-time.After(within):
	}
}

func (w *Log) put(line []byte, own bool) {
	w.queue.put(line, own)
	w.wake()
}

func (w *Log) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// write writes lines as long as there are any, and sums up from time to time what
// was left out.
func (w *Log) write() {
	defer close(w.done)
	var due <-chan time.Time // nil: nothing is to be summed up
	for last := false; ; {
		lines, closed := w.queue.take()
		switch {
		case len(lines) > 0:
			_, err := w.out.Write(lines)
			if w.queue.written(err == nil); err == nil {
				w.tellLost(false)
			}
			continue
		case closed && last:
			return
		case closed:
			last = true
			w.sumUp()
			w.tellLost(true)
			continue
		}
		if _, untold := w.pace.state(); untold && due == nil {
			due = time.After(summaryEvery)
		}
		select {
		case <-w.woken:
		case <-due:
			due = nil
			w.sumUp()
		}
	}
}

// tellLost tells what was left out because there was no room.
func (w *Log) tellLost(last bool) {
	if n := w.queue.untold(last); n > 0 {
		w.tell(slog.LevelWarn, "lines were left out: the log is read too slowly", slog.Uint64("lines", n))
	}
}

// sumUp tells what was left out because it was like other lines.
func (w *Log) sumUp() {
	for _, s := range w.pace.summaries() {
		attrs := []slog.Attr{slog.String("like", s.message), slog.Uint64("lines", s.lines)}
		switch {
		case s.from != "":
			attrs = append(attrs, slog.String(address, s.from))
		case s.addresses > 1:
			attrs = append(attrs, slog.Int("addresses", s.addresses))
		}
		w.tell(s.level, "more lines like another were left out", attrs...)
	}
}

// tell writes a line of the log's own.
func (w *Log) tell(l slog.Level, message string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), l, message, 0)
	r.AddAttrs(cleanAttrs(attrs)...)
	w.queue.putNote(w.format(r))
}
