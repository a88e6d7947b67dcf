package logs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// address is the attribute that names a stranger.
const address = "address"

// handler implements slog.Handler.
type handler struct {
	log    *Log
	scopes []scope // the first has no group
	from   string  // whom the lines are about; "": the server itself
}

// scope is what WithGroup and WithAttrs have said: attributes within a group.
type scope struct {
	group string
	attrs []slog.Attr // clean
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.log.opts.Level.Level()
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	with := *h
	with.scopes = slices.Clone(h.scopes)
	last := &with.scopes[len(with.scopes)-1]
	last.attrs = append(slices.Clip(last.attrs), cleanAttrs(attrs)...)
	for _, a := range attrs {
		with.from = stranger(a, with.from)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.scopes = append(slices.Clip(h.scopes), scope{group: name})
	return &with
}

// Handle implements slog.Handler. It does not wait.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	from := h.from
	r.Attrs(func(a slog.Attr) bool {
		from = stranger(a, from)
		return true
	})
	w := h.log
	ok, first := w.pace.allow(kind{from, clip(r.Message, maxKind), r.Level}, time.Now())
	if first {
		w.wake() // it is to be summed up
	}
	if !ok {
		return nil
	}
	w.put(h.format(r), r.Level >= slog.LevelError && from == "")
	return nil
}

// format makes the line.
func (h *handler) format(r slog.Record) []byte {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, cleanAttr(a))
		return true
	})
	for i := len(h.scopes) - 1; i >= 0; i-- {
		s := h.scopes[i]
		attrs = append(slices.Clip(s.attrs), attrs...)
		if s.group != "" && len(attrs) > 0 {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		}
	}
	clean := slog.NewRecord(r.Time, r.Level, Clean(r.Message, maxMessage), r.PC)
	clean.AddAttrs(attrs...)
	return h.log.format(clean)
}

// maxMessage is how many characters a message has, as opposed to a value: words
// of the program's own, and the stack of a panic that net/http has seen.
const maxMessage = 4096

// stranger is the address that an attribute names, without its port; otherwise
// the one that was known.
func stranger(a slog.Attr, known string) string {
	if a.Key != address {
		return known
	}
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		return network(v.String())
	case slog.KindAny:
		if at, ok := v.Any().(net.Addr); ok {
			return network(at.String())
		}
	}
	return known
}

// network is what one party has of addresses, as budgets count them; of what is
// no address, the host.
func network(hostPort string) string {
	switch of := budget.Address(hostPort); {
	case of.IsSingleIP():
		return of.Addr().String()
	case of.IsValid():
		return of.String()
	}
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return clip(host, maxKind)
}

// format writes a record whose values are clean, as one line.
func (w *Log) format(r slog.Record) []byte {
	var b bytes.Buffer
	opts := &slog.HandlerOptions{Level: w.opts.Level}
	var h slog.Handler = slog.NewTextHandler(&b, opts)
	if w.opts.JSON {
		h = slog.NewJSONHandler(&b, opts)
	}
	if err := h.Handle(context.Background(), r); err != nil {
		return fmt.Appendf(nil, "log: %v\n", err)
	}
	return visible(b.Bytes())
}

// visible escapes what a line may still have and a terminal would obey, or show as
// something else: in JSON control characters of the second block and marks that
// turn the direction of writing, and in a word without quotes the character DEL.
func visible(line []byte) []byte {
	clean := true
	for _, c := range line {
		clean = clean && c < 0x7f
	}
	if clean {
		return line
	}
	out := make([]byte, 0, len(line)+64)
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRune(line[i:])
		switch {
		case r == '\n' || unicode.IsPrint(r) || r == utf8.RuneError:
			out = append(out, line[i:i+n]...)
		case r > 0xffff:
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	return out
}
