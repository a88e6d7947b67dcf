package servertest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log is a log that a test may look at while it is written.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Logger writes to the log what is of a level, or above it.
func (l *Log) Logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Count is how often something was written.
func (l *Log) Count(what string) int { return strings.Count(l.String(), what) }
