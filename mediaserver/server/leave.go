package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// maxLeave bounds what is read of the file that has clients leave, in bytes.
const maxLeave = 64

// watchLeave reads the file that has clients leave, before there are any, and looks at it
// until ctx ends, in what it returns. When it says something that it did not say before, those
// that are here are asked to connect again, since the address that they came to leads
// elsewhere now; who comes later knows what he does.
func (s *Server) watchLeave(ctx context.Context) func() {
	if s.cfg.LeaveFile == "" {
		return func() {}
	}
	was, _ := readLeave(s.cfg.LeaveFile) // what is wrong with it is told at the first look
	return func() { s.haveLeave(ctx, was) }
}

// haveLeave is watchLeave, where the file has said that before.
func (s *Server) haveLeave(ctx context.Context, was time.Duration) {
	ticks, stop := s.cfg.clock.ticks()
	defer stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		within, err := readLeave(s.cfg.LeaveFile)
		if err != nil {
			if why := err.Error(); why != failed {
				failed = why
				s.log.Error("it is not known whether clients are to leave: they stay", "err", err)
			}
			continue
		}
		failed = ""
		switch {
		case was == 0 && within > 0:
			s.log.Info("clients are asked to connect again: their address leads to other servers now", "within", within)
			s.each(within/2, ctx.Done(), func(one *session.Session) {
				one.Reconnect("Other servers serve this instance now.")
			})
		case was > 0 && within == 0:
			s.log.Info("clients may stay: their address leads here again")
		}
		was = within
	}
}

// readLeave is within which time clients are to leave, as a file says; 0: they are not, or
// there is no such file.
func readLeave(path string) (time.Duration, error) {
	b, err := readSmall(path, maxLeave, "time such as 2m")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the file that has clients leave: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return 0, nil
	}
	within, err := time.ParseDuration(text)
	if err != nil || within < 0 {
		return 0, fmt.Errorf("read the file that has clients leave: %s: %.32q is no time such as 2m", path, text)
	}
	return within, nil
}
