package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// maxScriptLine is how many characters of a line the console shows.
const maxScriptLine = 1024

// scriptLog is the log of a script, whose lines the console has, too.
func (s *Server) scriptLog(log *slog.Logger, application, instance string) *slog.Logger {
	return slog.New(scriptLines{log.Handler(), s.lines, application, instance})
}

// scriptLines passes on what a script's log says.
type scriptLines struct {
	slog.Handler
	lines                 *console.Lines
	application, instance string
}

// Enabled implements slog.Handler: what is no line of the log may be one of the console.
func (h scriptLines) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h scriptLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h scriptLines) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// Handle implements slog.Handler.
func (h scriptLines) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		h.lines.Add(h.line(r))
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// line is a record as the console shows it: what a script says, and what goes wrong in it,
// in its own words; all else with what the log has beside them.
func (h scriptLines) line(r slog.Record) console.Line {
	l := console.Line{Time: r.Time.UnixMilli(), Application: h.application, Instance: h.instance, Level: console.Info}
	if r.Level > slog.LevelInfo {
		l.Level = console.Warn
	}
	var file, line, rest string
	said, failed := r.Message == "trace", r.Message == "script error"
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		v := a.Value.String()
		switch {
		case a.Key == "text" && said:
			text, l.Level = v, console.Trace
		case a.Key == "err" && failed:
			text, l.Level = v, console.Fault
		case a.Key == "file" && failed:
			file = v
		case a.Key == "line" && failed:
			line = v
		case a.Key == "left_out":
			rest += " (" + v + " lines before it are left out)"
		case a.Key == "call" && failed:
			rest += " (in " + v + ")"
		case a.Key == "err":
			rest = ": " + v + rest
		default:
			rest += fmt.Sprintf(" %s=%q", a.Key, v)
		}
		return true
	})
	l.Text = logs.Clean(strings.ToValidUTF8(text+rest, "\uFFFD"), maxScriptLine)
	if file != "" {
		l.Where = logs.Clean(file, logs.MaxValue) + ":" + line
	}
	return l
}
